"""How long problems took to be seen and repaired, and one index that answers for every day of a month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Two columns; what ended before has no times, and is counted without them."""
    op.add_column("endings", sa.Column("opened_at", sa.Double(), nullable=True))
    op.add_column("endings", sa.Column("began_at", sa.Double(), nullable=True))
    op.drop_index("endings_newest", "endings")
    op.create_index("endings_newest", "endings", ["tenant", "at", "how", "opened_at", "began_at"])
    automatic = sa.text("closing != 'none'")
    op.create_index(
        "endings_closed",
        "endings",
        ["tenant", "at", "closing", "ticket_id", "recurred_at"],
        sqlite_where=automatic,
        postgresql_where=automatic,
    )
