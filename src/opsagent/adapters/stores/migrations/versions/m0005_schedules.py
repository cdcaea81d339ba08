"""Schedules, silences, maintenance windows, and who silenced a ticket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables; no ticket there is was silenced."""
    op.create_table(
        "schedules",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double()),
        sa.Column("next_at", sa.Double()),
        sa.Column("queued_at", sa.Double()),
        sa.Column("taken_at", sa.Double()),
        sa.Column("lock_until", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double()),
        sa.Column("last_run_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )
    firing = sa.text("due_at IS NOT NULL")
    op.create_index("schedules_due", "schedules", ["due_at"], sqlite_where=firing, postgresql_where=firing)
    op.create_table(
        "silences",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("silences_by_end", "silences", ["tenant", "ends_at"])
    op.create_table(
        "maintenance_windows",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )
    op.add_column("tickets", sa.Column("silenced", sa.Text(), nullable=False, server_default=""))
    hushed = sa.text("silenced != ''")
    op.create_index("tickets_silenced", "tickets", ["tenant", "id"], sqlite_where=hushed, postgresql_where=hushed)
