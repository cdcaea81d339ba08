"""Notices are taken by what is urgent and by where they go, so that what hangs holds up only its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Two columns and the index of the sender; what is on its way already is ordinary, and goes to its channel."""
    op.add_column("notices", sa.Column("lane", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("notices", sa.Column("place", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE notices SET place = channel")
    op.drop_index("notices_due", "notices")
    waiting = sa.text("status IN ('pending', 'sending')")
    op.create_index("notices_due", "notices", ["lane", "due_at"], sqlite_where=waiting, postgresql_where=waiting)
