"""Urgent tickets, and what was done to a ticket, are found without looking through everything else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Two indexes."""
    op.create_index("tickets_newest_by_priority", "tickets", ["tenant", "status", "priority", "created_at", "id"])
    about = sa.text("action >= 'ticket.' AND action < 'ticket/'")
    op.create_index("audit_of_tickets", "audit", ["tenant", "at"], sqlite_where=about, postgresql_where=about)
