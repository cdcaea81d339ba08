"""Joins signals to open tickets, or makes tickets and runs of them: a storm is a handful of statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, select, text, update

from opsagent.adapters.stores import run_rows, ticket_rows
from opsagent.adapters.stores.codec import encode
from opsagent.adapters.stores.tables import runs, signals, tickets
from opsagent.domain.run import Run
from opsagent.domain.ticket import Signal, SignalStatus, Ticket
from opsagent.ports.stores import Arrival, Joined

_CHUNK = 500  # values in one IN list; SQLite takes 32,766 parameters at most
_NAMED = text("delivery != ''")  # word for word as in the index, or SQLite does not use it
# The runs of a ticket: is one open, and when did the last one end? Each is one step down the index.
_OF_TICKET = and_(runs.c.tenant == tickets.c.tenant, runs.c.ticket_id == tickets.c.id, text("runs.ticket_id != ''"))
_OPEN_RUN = exists().where(_OF_TICKET, runs.c.completed_at.is_(None)).correlate(tickets).label("worked_on")
_LAST_END = select(func.max(runs.c.completed_at)).where(_OF_TICKET).correlate(tickets).scalar_subquery()
_Delivery = tuple[str, str, str]


@dataclass(slots=True)
class _Known:
    """What is stored, and what this batch has added to it so far."""

    open: dict[tuple[str, str], Ticket]  # by (tenant, fingerprint)
    delivered: dict[_Delivery, Ticket]  # the ticket each delivery has joined
    ended: dict[tuple[str, str], Ticket]  # by (tenant, fingerprint): closed before the alert said that it is over
    idle: dict[tuple[str, str], float]  # by (tenant, id) of open tickets without an open run: when the last one ended
    changed: dict[tuple[str, str], Ticket] = field(default_factory=dict)  # by (tenant, id)
    new: set[tuple[str, str]] = field(default_factory=set)  # (tenant, id) of tickets
    started: list[Run] = field(default_factory=list)
    signal_rows: list[dict[str, Any]] = field(default_factory=list)


def receive(connection: Connection, arrivals: Sequence[Arrival], now: float) -> list[Joined]:
    """What became of each arrival, in order; see `TicketStore.receive`."""
    opened, idle = _open_tickets(connection, arrivals)
    known = _Known(
        open=opened,
        idle=idle,
        delivered=_delivered(connection, arrivals),
        ended=_still_firing(connection, arrivals, opened),
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
    again = False
    if current is None:
        ticket = replace(arrival.ticket, signals=1, firing=True, run_id=arrival.run.id)
        known.new.add((ticket.tenant, ticket.id))
        known.started.append(replace(arrival.run, ticket_id=ticket.id))
    else:
        ticket = replace(current, signals=current.signals + 1, firing=firing, updated_at=now)
        if firing and _wants_a_run(known, current, arrival, now):
            known.started.append(_run_for(current, arrival))
            ticket = replace(ticket, run_id=arrival.run.id)
            again = True
        again |= firing and not current.firing
    known.open[problem] = ticket
    return _noted(known, signal, Joined(ticket=ticket, created=current is None, duplicate=False, reopened=again))


def _wants_a_run(known: _Known, ticket: Ticket, arrival: Arrival, now: float) -> bool:
    """Nobody works on it any more, and it came back or has gone on for long enough; true once only."""
    problem = (ticket.tenant, ticket.id)
    ended = known.idle.get(problem)
    if ended is None or (ticket.firing and now - ended < arrival.rerun_after_s):
        return False
    del known.idle[problem]
    return True


def _run_for(ticket: Ticket, arrival: Arrival) -> Run:
    """The arrival's run, which was made for a ticket that is not stored, for the one that is."""
    trigger = {name: ticket.id if value == arrival.ticket.id else value for name, value in arrival.run.trigger.items()}
    return replace(arrival.run, ticket_id=ticket.id, trigger=trigger)


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
    if known.started:
        started = [replace(run, due_at=now if run.due_at is None else run.due_at) for run in known.started]
        connection.execute(insert(runs), [run_rows.new_row(run) for run in started])
    if counted:
        connection.execute(
            update(tickets)
            .where(tickets.c.tenant == bindparam("of"), tickets.c.id == bindparam("ticket"))
            .values(signals=bindparam("count"), firing=bindparam("fires"), run_id=bindparam("run"), updated_at=now),
            [
                {"of": one.tenant, "ticket": one.id, "count": one.signals, "fires": one.firing, "run": one.run_id}
                for one in counted
            ],
        )
    if known.signal_rows:
        connection.execute(insert(signals), known.signal_rows)


def _open_tickets(
    connection: Connection, arrivals: Sequence[Arrival]
) -> tuple[dict[tuple[str, str], Ticket], dict[tuple[str, str], float]]:
    """The open tickets, and of those without an open run when their last one ended (0.0: long ago, deleted)."""
    found: dict[tuple[str, str], Ticket] = {}
    idle: dict[tuple[str, str], float] = {}
    for tenant in {arrival.signal.tenant for arrival in arrivals}:
        wanted = {arrival.signal.fingerprint for arrival in arrivals if arrival.signal.tenant == tenant}
        for chunk in _chunks(wanted):
            rows = connection.execute(
                select(*ticket_rows.LOADED, _OPEN_RUN, _LAST_END.label("last_end"))
                .where(
                    tickets.c.tenant == tenant,
                    tickets.c.fingerprint.in_(chunk),
                    tickets.c.status.in_(ticket_rows.OPEN),
                )
                .with_for_update()
            ).all()
            for ticket in map(ticket_rows.load, rows):
                found[tenant, ticket.fingerprint] = ticket
            idle |= {(tenant, row.id): row.last_end or 0.0 for row in rows if not row.worked_on}
    return found, idle


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
