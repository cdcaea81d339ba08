"""How the ends of looks at problems lie in their rows, and when one of them turns out to have been wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update

from opsagent.adapters.stores.codec import decode
from opsagent.adapters.stores.tables import tickets
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
    row |= {"how": ending.how.value, "closing": ending.closing.value}
    insert_new(connection, endings, [row | _times(connection, ending)])


def _times(connection: Connection, ending: Ending) -> dict[str, float | None]:
    """When its ticket was made, and at the first look also when the problem began; so each problem counts once."""
    of_ticket = and_(tickets.c.tenant == ending.tenant, tickets.c.id == ending.ticket_id)
    body = connection.execute(select(tickets.c.body).where(of_ticket)).scalar()
    if body is None:
        return {"opened_at": None, "began_at": None}
    ticket = decode(Ticket, body)
    looks = select(endings.c.run_id).where(endings.c.tenant == ending.tenant, endings.c.ticket_id == ending.ticket_id)
    looked = connection.execute(looks.limit(1)).first() is not None
    return {"opened_at": ticket.created_at, "began_at": None if looked else ticket.began_at}


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
