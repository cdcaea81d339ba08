"""How an alert of a ticket lies in its row, and whether it is one of an open ticket."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, select, update

from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.triage_tables import members
from opsagent.domain.ticket import Member, Ticket

_elsewhere = members.alias("elsewhere")


def row_of(member: Member, ticket: Ticket, *, is_open: bool) -> dict[str, Any]:
    """The row of an alert of that ticket."""
    return {
        "tenant": ticket.tenant,
        "ticket_id": ticket.id,
        "fingerprint": member.fingerprint,
        "open": is_open,
        "firing": member.firing,
        "service": member.service,
        "environment": member.environment,
        "first_at": member.first_at,
        "last_at": member.last_at,
        "body": encode(member),
    }


def load_member(row: Any) -> Member:
    """The alert of a row with `body`."""
    return decode(Member, row.body)


def members_of(connection: Connection, tenant: str, ticket_id: str, limit: int) -> list[Member]:
    """The alerts of a ticket, the firing ones first."""
    rows = connection.execute(
        select(members.c.body)
        .where(members.c.tenant == tenant, members.c.ticket_id == ticket_id)
        .order_by(members.c.firing.desc(), members.c.first_at, members.c.fingerprint)
        .limit(limit)
    )
    return [load_member(row) for row in rows]


def set_open(connection: Connection, ticket: Ticket, *, is_open: bool) -> None:
    """Its alerts follow their ticket. IntegrityError where the one that leads it is one of another open ticket.

    The others of a ticket that is open again stay with the ticket that has them now.
    """
    own = and_(members.c.tenant == ticket.tenant, members.c.ticket_id == ticket.id, members.c.open.is_not(is_open))
    if is_open:
        connection.execute(update(members).where(own, members.c.fingerprint == ticket.fingerprint).values(open=True))
        taken = select(_elsewhere.c.ticket_id).where(
            _elsewhere.c.tenant == members.c.tenant,
            _elsewhere.c.fingerprint == members.c.fingerprint,
            _elsewhere.c.open,
        )
        own = and_(own, ~taken.exists())
    connection.execute(update(members).where(own).values(open=is_open))
