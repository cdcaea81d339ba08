"""Escalations, and the ways to what they are about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """A table, and indexes over the open questions, failed runs and open tickets of every tenant."""
    op.create_table(
        "escalations",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("recurrences", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("next_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("ended", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("escalations_newest", "escalations", ["tenant", "created_at", "id"])
    op.create_index("escalations_of_subject", "escalations", ["tenant", "occasion", "subject"])
    for name, table, columns, where in (
        ("escalations_open", "escalations", ["tenant", "id"], "ended_at IS NULL"),
        ("escalations_due", "escalations", ["next_at"], "next_at IS NOT NULL"),
        ("escalations_ended", "escalations", ["ended_at"], "ended_at IS NOT NULL"),
        ("approvals_asked", "approvals", ["tenant", "id"], "status = 'pending'"),
        ("runs_failed", "runs", ["tenant", "id", "completed_at"], "status = 'failed'"),
        ("tickets_standing", "tickets", ["tenant", "id"], "status IN ('open', 'escalated')"),
    ):
        condition = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
