"""Where a version of a runbook came from, how often runbooks were used and helped, and drafts of new ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """A column and two tables; runs that ended before count for nothing, because most of them are gone."""
    op.add_column("runbook_versions", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "runbook_uses",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        *[
            sa.Column(name, sa.Integer(), server_default="0", nullable=False)
            for name in ("used", "yes", "no", "not_measurable")
        ],
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("last_run", sa.Text(), nullable=False),
        sa.Column("last_result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "drafts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "run_id"),
    )
    op.create_index("drafts_newest", "drafts", ["tenant", "status", "created_at", "run_id"])
