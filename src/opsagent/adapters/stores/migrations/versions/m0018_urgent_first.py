"""The urgent tickets of a status are found without looking through those that are not."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """One index."""
    op.create_index("tickets_newest_by_priority", "tickets", ["tenant", "status", "priority", "created_at", "id"])
