"""How the ends of looks at problems lie in their rows, and when one of them turns out to have been wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, bindparam, update

from opsagent.adapters.stores.triage_tables import endings
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.ending import Closing, Ending
from opsagent.domain.ticket import Ticket

_NAMES = tuple(one.name for one in fields(Ending))
_CLOSING = endings.c.closing != Closing.NONE.value
_RECURRED = (
    update(endings)
    .where(
        endings.c.tenant == bindparam("of_tenant"),
        endings.c.ticket_id == bindparam("of_ticket"),
        endings.c.at >= bindparam("since"),
        endings.c.recurred_at.is_(None),
        _CLOSING,
    )
    .values(recurred_at=bindparam("now"))
)


def put_ending(connection: Connection, ending: Ending) -> None:
    """Store it; a run has one, and the first holds."""
    row: dict[str, Any] = {name: getattr(ending, name) for name in _NAMES}
    insert_new(connection, endings, [row | {"how": ending.how.value, "closing": ending.closing.value}])


def note_recurrences(connection: Connection, recurred: Mapping[tuple[str, str], float], now: float) -> None:
    """These tickets, by (tenant, id), fire: what was closed since the given times, or would have been, was not over."""
    rows = [
        {"of_tenant": tenant, "of_ticket": ticket_id, "since": since, "now": now}
        for (tenant, ticket_id), since in recurred.items()
        if since < now
    ]
    if rows:
        connection.execute(_RECURRED, rows)


def note_reopened(connection: Connection, ticket: Ticket, now: float) -> None:
    """A person says that it is not over: what was closed automatically, at whatever time, was not."""
    connection.execute(
        update(endings)
        .where(
            endings.c.tenant == ticket.tenant,
            endings.c.ticket_id == ticket.id,
            endings.c.recurred_at.is_(None),
            endings.c.closing == Closing.CLOSED.value,
        )
        .values(recurred_at=now)
    )
