"""The alerts of a ticket, groups, endings, words of people, deployments."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_OPEN = frozenset({"open", "escalated"})
_BATCH = 500
_SERVICE_LABELS = ("service", "service_name", "app", "application")


def upgrade() -> None:
    """Add the tables and the columns; each earlier ticket has its one alert."""
    _tickets()
    _members()
    _endings()
    _feedback()
    _deployments()
    _fill_members()
    op.execute("UPDATE tickets SET members_firing = 0 WHERE NOT firing")


def _fill_members() -> None:
    """One alert for each earlier ticket: the one it was made for, as its ticket describes it."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT tenant, id, status, firing, signals, updated_at, body FROM tickets"))
    while some := rows.fetchmany(_BATCH):
        connection.execute(
            sa.text(
                "INSERT INTO members VALUES (:tenant, :ticket_id, :fingerprint, :open, :firing, :service, "
                ":environment, :first_at, :last_at, :body)"
            ),
            [_member(row) for row in some],
        )


def _member(row: Any) -> dict[str, Any]:
    ticket = json.loads(row.body)
    kept = ("fingerprint", "name", "title", "description", "priority", "environment", "labels", "annotations")
    labels = ticket.get("labels") or {}
    service = next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), "")
    first_at, last_at, firing = ticket.get("created_at", 0.0), row.updated_at, bool(row.firing)
    body = {name: ticket[name] for name in kept if name in ticket}
    body |= {"firing": firing, "signals": row.signals, "first_at": first_at, "last_at": last_at, "service": service}
    return {
        "tenant": row.tenant,
        "ticket_id": row.id,
        "fingerprint": ticket["fingerprint"],
        "open": row.status in _OPEN,
        "firing": firing,
        "service": service,
        "environment": ticket.get("environment", ""),
        "first_at": first_at,
        "last_at": last_at,
        "body": json.dumps(body),
    }


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _time(name: str, *, optional: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=optional)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _tickets() -> None:
    for name, default in (("members", "1"), ("members_firing", "1"), ("recurrences", "0")):
        op.add_column("tickets", sa.Column(name, sa.Integer(), nullable=False, server_default=default))
    op.add_column("tickets", sa.Column("flapping_until", sa.Double(), nullable=False, server_default="0"))
    op.add_column("tickets", sa.Column("group_key", sa.Text(), nullable=False, server_default=""))
    op.add_column("tickets", sa.Column("grouped_at", sa.Double(), nullable=False, server_default="0"))
    op.add_column("tickets", sa.Column("storm_key", sa.Text(), nullable=False, server_default=""))
    _index("tickets_one_group", "tickets", ["tenant", "group_key"], "group_key != ''", unique=True)
    _index("tickets_of_storm", "tickets", ["tenant", "storm_key", "created_at"], "storm_key != ''", unique=False)


def _members() -> None:
    op.create_table(
        "members",
        _text("tenant"),
        _text("ticket_id"),
        _text("fingerprint"),
        _flag("open"),
        _flag("firing"),
        _text("service"),
        _text("environment"),
        _time("first_at"),
        _time("last_at"),
        _text("body"),
        sa.PrimaryKeyConstraint("tenant", "ticket_id", "fingerprint"),
    )
    op.create_index("members_of_fingerprint", "members", ["tenant", "fingerprint", "last_at"])
    op.create_index("members_alongside", "members", ["tenant", "service", "environment", "last_at", "fingerprint"])
    _index("members_one_open", "members", ["tenant", "fingerprint"], "open", unique=True)


def _endings() -> None:
    op.create_table(
        "endings",
        _text("tenant"),
        _text("run_id"),
        _text("ticket_id"),
        _text("fingerprint"),
        _time("at"),
        _text("how"),
        _text("closing"),
        _time("score"),
        _time("confidence"),
        _time("recurred_at", optional=True),
        sa.PrimaryKeyConstraint("tenant", "run_id"),
    )
    op.create_index("endings_of_fingerprint", "endings", ["tenant", "fingerprint", "at"])
    op.create_index("endings_of_ticket", "endings", ["tenant", "ticket_id", "at"])
    op.create_index("endings_newest", "endings", ["tenant", "at"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        _text("tenant"),
        _text("ticket_id"),
        _text("run_id"),
        _text("fingerprint"),
        _flag("real"),
        _time("score", optional=True),
        _text("by"),
        _text("note"),
        _time("at"),
        sa.PrimaryKeyConstraint("tenant", "ticket_id"),
    )
    op.create_index("feedback_of_fingerprint", "feedback", ["tenant", "fingerprint", "at"])


def _deployments() -> None:
    op.create_table(
        "deployments",
        _text("tenant"),
        _text("id"),
        _text("service"),
        _text("environment"),
        _text("version"),
        _text("by"),
        _time("at"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("deployments_newest", "deployments", ["tenant", "at", "id"])
    op.create_index("deployments_of_service", "deployments", ["tenant", "service", "at", "id"])
