"""Makes two open tickets one: what the first has is the other's from now on, and the first is closed for good."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from opsagent.adapters.stores.tables import signals, tickets
from opsagent.adapters.stores.ticket_rows import fetch, save_ticket
from opsagent.adapters.stores.triage_tables import members
from opsagent.domain.event import AuditEntry
from opsagent.domain.ticket import OPEN_STATUSES, Ticket, TicketStatus
from opsagent.errors import IllegalMove

_OTHER = members.alias("other")


@dataclass(frozen=True, slots=True)
class Merged:
    """The ticket that goes on, and what the record says of it; None when it was done before."""

    ticket: Ticket
    entry: AuditEntry | None


def merge(connection: Connection, tenant: str, first_id: str, into: str, by: str, now: float) -> Merged:
    """See `TicketStore.merge`. NotFound, IllegalMove."""
    # In one order whoever merges what, so that two merges never wait for each other.
    ids = sorted({first_id, into})
    connection.execute(
        select(tickets.c.id)
        .where(tickets.c.tenant == tenant, tickets.c.id.in_(ids))
        .order_by(tickets.c.id)
        .with_for_update()
    ).all()
    first, other = fetch(connection, tenant, first_id), fetch(connection, tenant, into)
    if first.merged_into == other.id:
        return Merged(other, None)
    _check(first, other)
    group = connection.execute(select(tickets.c.group_key, tickets.c.grouped_at).where(_is(first))).one()
    _move_members(connection, first, other)
    connection.execute(
        update(signals)
        .where(signals.c.tenant == tenant, signals.c.ticket_id == first.id)
        .values(ticket_id=other.id, number=signals.c.number + other.signals)
    )
    closed = replace(
        first, status=TicketStatus.CLOSED, merged_into=other.id, reason=f"It was merged into {other.id} by {by}.",
        closed_at=now, updated_at=now,
    )  # fmt: skip
    save_ticket(connection, closed)
    connection.execute(update(tickets).where(_is(first)).values(signals=0, members=0, members_firing=0, firing=False))
    priority = min(first.priority, other.priority, key=lambda one: one.rank)
    save_ticket(connection, replace(other, priority=priority, updated_at=now))
    _count(connection, first, other)
    if group.group_key:
        connection.execute(
            update(tickets)
            .where(_is(other), tickets.c.group_key == "")
            .values(group_key=group.group_key, grouped_at=group.grouped_at)
        )
    detail = {"ticket": first.id, "into": other.id, "signals": str(first.signals), "alerts": str(first.members)}
    entry = AuditEntry(tenant=tenant, at=now, actor=by, action="ticket.merged", detail=detail)
    return Merged(fetch(connection, tenant, other.id), entry)


def _check(first: Ticket, other: Ticket) -> None:
    if first.id == other.id:
        raise IllegalMove("A ticket cannot be merged into itself.", fix="Name the ticket that goes on.")
    for one in (first, other):
        if one.status not in OPEN_STATUSES:
            raise IllegalMove(
                f"Ticket {one.id} is {one.status.value}; only open tickets are merged.",
                fix="Reopen it first, or leave it as it is.",
            )


def _move_members(connection: Connection, first: Ticket, other: Ticket) -> None:
    """An alert both have had is open in at most one of them, and that one is kept."""
    of_first = and_(members.c.tenant == first.tenant, members.c.ticket_id == first.id)
    of_other = and_(members.c.tenant == other.tenant, members.c.ticket_id == other.id)
    same = and_(_OTHER.c.tenant == members.c.tenant, _OTHER.c.fingerprint == members.c.fingerprint)
    open_in_first = select(_OTHER.c.fingerprint).where(same, _OTHER.c.ticket_id == first.id, _OTHER.c.open)
    there = select(_OTHER.c.fingerprint).where(same, _OTHER.c.ticket_id == other.id)
    connection.execute(delete(members).where(of_other, open_in_first.exists()))
    connection.execute(delete(members).where(of_first, there.exists()))
    connection.execute(update(members).where(of_first).values(ticket_id=other.id))


def _count(connection: Connection, first: Ticket, other: Ticket) -> None:
    of_other = and_(members.c.tenant == other.tenant, members.c.ticket_id == other.id)
    total = connection.execute(select(func.count()).select_from(members).where(of_other)).scalar_one()
    firing = connection.execute(
        select(func.count()).select_from(members).where(of_other, members.c.firing)
    ).scalar_one()
    connection.execute(
        update(tickets)
        .where(_is(other))
        .values(signals=other.signals + first.signals, members=total, members_firing=firing, firing=firing > 0)
    )


def _is(ticket: Ticket) -> ColumnElement[bool]:
    return and_(tickets.c.tenant == ticket.tenant, tickets.c.id == ticket.id)
