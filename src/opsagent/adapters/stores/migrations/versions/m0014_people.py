"""People who sign in, and their sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "people",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("invitation_sha256", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_seen_at", sa.Double(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("people_by_login", "people", ["tenant", "login"], unique=True)
    op.create_index("people_by_name", "people", ["tenant", "name_key"], unique=True)
    outside = sa.text("subject != ''")
    op.create_index(
        "people_by_subject",
        "people",
        ["tenant", "subject"],
        unique=True,
        sqlite_where=outside,
        postgresql_where=outside,
    )
    invited = sa.text("invitation_sha256 != ''")
    op.create_index(
        "people_by_invitation",
        "people",
        ["invitation_sha256"],
        unique=True,
        sqlite_where=invited,
        postgresql_where=invited,
    )
    op.create_table(
        "browser_sessions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id_sha256", sa.Text(), nullable=False),
        sa.Column("means", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id_sha256"),
    )
    op.create_index("browser_sessions_by_id", "browser_sessions", ["id_sha256"], unique=True)
    op.create_index("browser_sessions_oldest", "browser_sessions", ["ends_at"])
