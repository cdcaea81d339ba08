"""Joins signals to open tickets, or makes tickets and runs of them: a storm is a handful of statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, text, update

from opsagent.adapters.stores import run_rows, ticket_rows
from opsagent.adapters.stores.codec import encode
from opsagent.adapters.stores.tables import runs, signals, tickets
from opsagent.domain.ticket import Signal, SignalStatus, Ticket
from opsagent.ports.stores import Arrival, Joined

_CHUNK = 500  # values in one IN list; SQLite takes 32,766 parameters at most
_NAMED = text("delivery != ''")  # word for word as in the index, or SQLite does not use it
_Delivery = tuple[str, str, str]


@dataclass(slots=True)
class _Known:
    """What is stored, and what this batch has added to it so far."""

    open: dict[tuple[str, str], Ticket]  # by (tenant, fingerprint)
    delivered: dict[_Delivery, Ticket]  # the ticket each delivery has joined
    ended: dict[tuple[str, str], Ticket]  # by (tenant, fingerprint): closed before the alert said that it is over
    changed: dict[tuple[str, str], Ticket] = field(default_factory=dict)  # by (tenant, id)
    new: dict[tuple[str, str], Arrival] = field(default_factory=dict)  # by (tenant, ticket id)
    signal_rows: list[dict[str, Any]] = field(default_factory=list)


def receive(connection: Connection, arrivals: Sequence[Arrival], now: float) -> list[Joined]:
    """What became of each arrival, in order; see `TicketStore.receive`."""
    opened = _open_tickets(connection, arrivals)
    known = _Known(
        open=opened, delivered=_delivered(connection, arrivals), ended=_still_firing(connection, arrivals, opened)
    )
    joined = [_join(known, arrival, now) for arrival in arrivals]
    _write(connection, known, now)
    return joined


def _join(known: _Known, arrival: Arrival, now: float) -> Joined:
    signal = arrival.signal
    if earlier := known.delivered.get(_delivery(signal)):
        return Joined(ticket=known.changed.get((earlier.tenant, earlier.id), earlier), created=False, duplicate=True)
    firing = signal.status is SignalStatus.FIRING
    problem = (signal.tenant, signal.fingerprint)
    current = known.open.get(problem)
    if current is None and not firing:
        ended = known.ended.pop(problem, None)
        if ended is None:
            return Joined(ticket=arrival.ticket, created=False, duplicate=False)
        ticket = replace(ended, signals=ended.signals + 1, firing=False, updated_at=now)
        return _noted(known, signal, Joined(ticket=ticket, created=False, duplicate=False))
    if current is None:
        ticket = replace(arrival.ticket, signals=1, firing=True, run_id=arrival.run.id)
        known.new[ticket.tenant, ticket.id] = arrival
    else:
        ticket = replace(current, signals=current.signals + 1, firing=firing, updated_at=now)
    known.open[problem] = ticket
    reopened = current is not None and firing and not current.firing
    return _noted(known, signal, Joined(ticket=ticket, created=current is None, duplicate=False, reopened=reopened))


def _noted(known: _Known, signal: Signal, joined: Joined) -> Joined:
    """The signal is of that ticket now."""
    ticket = joined.ticket
    known.changed[ticket.tenant, ticket.id] = ticket
    if signal.delivery:
        known.delivered[_delivery(signal)] = ticket
    known.signal_rows.append(_signal_row(signal, ticket))
    return joined


def _write(connection: Connection, known: _Known, now: float) -> None:
    made = [ticket for key, ticket in known.changed.items() if key in known.new]
    counted = [ticket for key, ticket in known.changed.items() if key not in known.new]
    if made:
        connection.execute(insert(tickets), [ticket_rows.new_row(ticket) for ticket in made])
        of_tickets = [(known.new[ticket.tenant, ticket.id].run, ticket) for ticket in made]
        started = [
            replace(run, ticket_id=ticket.id, due_at=now if run.due_at is None else run.due_at)
            for run, ticket in of_tickets
        ]
        connection.execute(insert(runs), [run_rows.new_row(run) for run in started])
    if counted:
        connection.execute(
            update(tickets)
            .where(tickets.c.tenant == bindparam("of"), tickets.c.id == bindparam("ticket"))
            .values(signals=bindparam("count"), firing=bindparam("fires"), updated_at=now),
            [{"of": one.tenant, "ticket": one.id, "count": one.signals, "fires": one.firing} for one in counted],
        )
    if known.signal_rows:
        connection.execute(insert(signals), known.signal_rows)


def _open_tickets(connection: Connection, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], Ticket]:
    found: dict[tuple[str, str], Ticket] = {}
    for tenant in {arrival.signal.tenant for arrival in arrivals}:
        wanted = {arrival.signal.fingerprint for arrival in arrivals if arrival.signal.tenant == tenant}
        for chunk in _chunks(wanted):
            rows = connection.execute(
                select(*ticket_rows.LOADED)
                .where(
                    tickets.c.tenant == tenant,
                    tickets.c.fingerprint.in_(chunk),
                    tickets.c.status.in_(ticket_rows.OPEN),
                )
                .with_for_update()
            )
            found |= {(tenant, ticket.fingerprint): ticket for ticket in map(ticket_rows.load, rows)}
    return found


def _still_firing(
    connection: Connection, arrivals: Sequence[Arrival], opened: Mapping[tuple[str, str], Ticket]
) -> dict[tuple[str, str], Ticket]:
    """The newest ended ticket of each problem that is over now: a repair closes one before its alert resolves."""
    over = {
        (arrival.signal.tenant, arrival.signal.fingerprint)
        for arrival in arrivals
        if arrival.signal.status is not SignalStatus.FIRING
    } - opened.keys()
    found: dict[tuple[str, str], Ticket] = {}
    for tenant in {tenant for tenant, _ in over}:
        for chunk in _chunks(fingerprint for of, fingerprint in over if of == tenant):
            rows = connection.execute(
                select(*ticket_rows.LOADED)
                .where(tickets.c.tenant == tenant, tickets.c.fingerprint.in_(chunk), tickets.c.firing.is_(True))
                .order_by(tickets.c.created_at, tickets.c.id)
                .with_for_update()
            )
            found |= {(tenant, ticket.fingerprint): ticket for ticket in map(ticket_rows.load, rows)}
    return found


def _delivered(connection: Connection, arrivals: Sequence[Arrival]) -> dict[_Delivery, Ticket]:
    found: dict[_Delivery, Ticket] = {}
    for tenant, source in {(arrival.signal.tenant, arrival.signal.source) for arrival in arrivals}:
        wanted = {
            arrival.signal.delivery
            for arrival in arrivals
            if (arrival.signal.tenant, arrival.signal.source) == (tenant, source) and arrival.signal.delivery
        }
        for chunk in _chunks(wanted):
            rows = connection.execute(
                select(signals.c.delivery, *ticket_rows.LOADED)
                .join(tickets, (tickets.c.tenant == signals.c.tenant) & (tickets.c.id == signals.c.ticket_id))
                .where(_NAMED, signals.c.tenant == tenant, signals.c.source == source, signals.c.delivery.in_(chunk))
            )
            found |= {(tenant, source, row.delivery): ticket_rows.load(row) for row in rows}
    return found


def _delivery(signal: Signal) -> _Delivery:
    return (signal.tenant, signal.source, signal.delivery)


def _signal_row(signal: Signal, ticket: Ticket) -> dict[str, Any]:
    return {
        "tenant": signal.tenant,
        "ticket_id": ticket.id,
        "number": ticket.signals,
        "source": signal.source,
        "delivery": signal.delivery,
        "status": signal.status.value,
        "received_at": signal.received_at,
        "body": encode(signal),
    }


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(sorted(values))
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
