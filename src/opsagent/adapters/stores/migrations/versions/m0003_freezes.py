"""Maintenance freezes, and which earlier questions were like this one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the freezes, and the likeness of an approval; earlier ones have none and are shown with nothing."""
    op.create_table(
        "freezes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.add_column("approvals", sa.Column("likeness", sa.Text(), nullable=False, server_default=""))
    op.create_index("approvals_alike", "approvals", ["tenant", "likeness", "decided_at"])
