"""Due runs are found tenant by tenant, and a ticket's runs by their ticket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Lead the index of due runs with the tenant; add one of the runs of each ticket."""
    op.drop_index("runs_due", table_name="runs")
    op.create_index(
        "runs_due",
        "runs",
        ["tenant", "priority_rank", "due_at", "lease_until", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "runs_of_ticket",
        "runs",
        ["tenant", "ticket_id", "completed_at"],
        unique=False,
        sqlite_where=sa.text("ticket_id != ''"),
        postgresql_where=sa.text("ticket_id != ''"),
    )
