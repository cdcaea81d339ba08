"""How a ticket lies in its row.

Counting its signals, and starting another run for it, is no change of its version: a storm must not fend off a save.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, true, update
from sqlalchemy.exc import IntegrityError

from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import savepoint
from opsagent.adapters.stores.member_rows import set_open
from opsagent.adapters.stores.tables import tickets
from opsagent.domain.ticket import OPEN_STATUSES, Ticket
from opsagent.errors import IllegalMove, NotFound

OPEN = tuple(sorted(status.value for status in OPEN_STATUSES))
LOADED = (
    tickets.c.id,
    tickets.c.created_at,
    tickets.c.body,
    tickets.c.signals,
    tickets.c.firing,
    tickets.c.silenced,
    tickets.c.members,
    tickets.c.members_firing,
    tickets.c.recurrences,
    tickets.c.flapping_until,
    tickets.c.run_id,
    tickets.c.updated_at,
    tickets.c.version,
)


def load(row: Any) -> Ticket:
    """The ticket of a row with LOADED."""
    return replace(
        decode(Ticket, row.body),
        signals=row.signals,
        firing=bool(row.firing),
        silenced=row.silenced,
        members=row.members,
        members_firing=row.members_firing,
        recurrences=row.recurrences,
        flapping_until=row.flapping_until,
        run_id=row.run_id,
        updated_at=row.updated_at,
        version=row.version,
    )


def new_row(ticket: Ticket) -> dict[str, Any]:
    """The row of a ticket that is stored for the first time."""
    return {
        "tenant": ticket.tenant,
        "id": ticket.id,
        "version": ticket.version,
        **moved_columns(ticket),
        **columns_of(ticket),
    }


def moved_columns(ticket: Ticket) -> dict[str, Any]:
    """What signals move without a new version."""
    return {
        "signals": ticket.signals,
        "firing": ticket.firing,
        "silenced": ticket.silenced,
        "members": ticket.members,
        "members_firing": ticket.members_firing,
        "recurrences": ticket.recurrences,
        "flapping_until": ticket.flapping_until,
        "run_id": ticket.run_id,
    }


def columns_of(ticket: Ticket) -> dict[str, Any]:
    """What a save writes."""
    return {
        "fingerprint": ticket.fingerprint,
        "name": ticket.name,
        "title": ticket.title,
        "source": ticket.source,
        "priority": ticket.priority.value,
        "environment": ticket.environment,
        "status": ticket.status.value,
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "closed_at": ticket.closed_at,
        "body": encode(ticket),
    }


def fetch(connection: Connection, tenant: str, ticket_id: str) -> Ticket:
    """One ticket. NotFound."""
    row = connection.execute(select(*LOADED).where(tickets.c.tenant == tenant, tickets.c.id == ticket_id)).first()
    if row is None:
        raise NotFound(f"There is no ticket {ticket_id}.", fix="List the tickets.")
    return load(row)


def save_ticket(connection: Connection, ticket: Ticket) -> Ticket:
    """Store it if its version is the stored one; what signals move (counts, firing, run) is kept.

    One that is closed takes in no other alerts any more, and must not have taken one in since it was read.
    NotFound; IllegalMove, with `extra["stale"] == "ticket"` when only the version is not the stored one.
    """
    is_open = ticket.status in OPEN_STATUSES
    statement = (
        update(tickets)
        .where(tickets.c.tenant == ticket.tenant, tickets.c.id == ticket.id, tickets.c.version == ticket.version)
        .where(true() if is_open else tickets.c.members == ticket.members)
        .values(**columns_of(ticket), version=tickets.c.version + 1, **({} if is_open else {"group_key": ""}))
        .returning(*LOADED)
    )
    try:
        with savepoint(connection, "ticket"):
            row = connection.execute(statement).first()
            if row is not None:
                set_open(connection, ticket, is_open=is_open)
    except IntegrityError as error:
        raise IllegalMove(
            f"Ticket {ticket.id} cannot be open again: another open ticket has its fingerprint.",
            fix="Work on the open one.",
        ) from error
    if row is None:
        fetch(connection, ticket.tenant, ticket.id)
        raise IllegalMove(
            f"Ticket {ticket.id} was changed meanwhile.",
            fix="Look at it again, then repeat the change.",
            extra={"stale": "ticket"},
        )
    return load(row)


def came_back(connection: Connection, ticket: Ticket) -> Ticket:
    """Count that it is open again: who was told of it is told anew, even where somebody had said that they look."""
    statement = (
        update(tickets)
        .where(tickets.c.tenant == ticket.tenant, tickets.c.id == ticket.id)
        .values(recurrences=tickets.c.recurrences + 1)
        .returning(*LOADED)
    )
    return load(connection.execute(statement).one())
