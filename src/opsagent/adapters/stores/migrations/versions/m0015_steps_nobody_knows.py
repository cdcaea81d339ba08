"""Steps whose end nobody knows are found without looking through every run that waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """One index over the few rows it is about."""
    unknown = sa.text("status = 'unknown'")
    op.create_index(
        "steps_unknown",
        "steps",
        ["tenant", "created_at", "id"],
        sqlite_where=unknown,
        postgresql_where=unknown,
    )
