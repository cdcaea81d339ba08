"""Notices are listed by where they stand: the few that were given up, among the many that arrived."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """One index."""
    op.create_index("notices_newest_by_status", "notices", ["tenant", "status", "created_at", "id"])
