"""What is stored about the problems of a batch of signals, read in a handful of statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, exists, func, select, text

from opsagent.adapters.stores import ticket_rows
from opsagent.adapters.stores.codec import decode
from opsagent.adapters.stores.member_rows import load_member
from opsagent.adapters.stores.tables import runs, signals, tickets
from opsagent.adapters.stores.triage_tables import members
from opsagent.domain.run import Run
from opsagent.domain.ticket import Member, Signal, SignalStatus, Ticket
from opsagent.ports.tickets import Arrival

Key = tuple[str, str]  # (tenant, ticket id), (tenant, fingerprint) or (tenant, group)
Delivery = tuple[str, str, str]
_CHUNK = 500  # values in one IN list; SQLite takes 32,766 parameters at most
_NAMED = text("delivery != ''")  # word for word as in the index, or SQLite does not use it
_TAKES_IN = text("group_key != ''")
_COUNTED = text("storm_key != ''")
_OF_ITS_TICKET = and_(tickets.c.tenant == members.c.tenant, tickets.c.id == members.c.ticket_id)
# The runs of a ticket: is one open, and when did the last one end? Each is one step down the index.
_OF_TICKET = and_(runs.c.tenant == tickets.c.tenant, runs.c.ticket_id == tickets.c.id, text("runs.ticket_id != ''"))
_OPEN_RUN = exists().where(_OF_TICKET, runs.c.completed_at.is_(None)).correlate(tickets).label("worked_on")
_LAST_END = select(func.max(runs.c.completed_at)).where(_OF_TICKET).correlate(tickets).scalar_subquery()
_WITH_RUNS = (*ticket_rows.LOADED, _OPEN_RUN, _LAST_END.label("last_end"))
# Built once: building these would cost more than executing them.
_SOME: BindParameter[Any] = bindparam("some", expanding=True)
_OF_ALERT = (
    select(*_WITH_RUNS, members.c.fingerprint.label("of"), members.c.body.label("alert"), tickets.c.closed_at)
    .join(members, _OF_ITS_TICKET)
    .where(members.c.tenant == bindparam("of_tenant"), members.c.fingerprint.in_(_SOME))
    .with_for_update(of=tickets)
)
_IN_ORDER = _OF_ALERT.order_by(tickets.c.created_at, tickets.c.id)
_OPEN = _OF_ALERT.where(members.c.open)
_ENDED = _IN_ORDER.where(members.c.firing, ~members.c.open)
_CLOSED = _IN_ORDER.where(~members.c.open, tickets.c.closed_at >= bindparam("since"))
_GROUPS = (
    select(*_WITH_RUNS, tickets.c.group_key, tickets.c.grouped_at)
    .where(_TAKES_IN, tickets.c.tenant == bindparam("of_tenant"), tickets.c.group_key.in_(_SOME))
    .with_for_update(of=tickets)
)
_STORM = (
    select(func.count())
    .select_from(tickets)
    .where(_COUNTED, tickets.c.tenant == bindparam("of_tenant"), tickets.c.storm_key == bindparam("storm"))
    .where(tickets.c.created_at > bindparam("since"))
)
_DELIVERED = (
    select(signals.c.delivery, *ticket_rows.LOADED)
    .join(tickets, (tickets.c.tenant == signals.c.tenant) & (tickets.c.id == signals.c.ticket_id))
    .where(_NAMED, signals.c.tenant == bindparam("of_tenant"), signals.c.source == bindparam("of_source"))
    .where(signals.c.delivery.in_(_SOME))
)


@dataclass(slots=True)
class Known:
    """What is stored, and what this batch has added to it so far."""

    connection: Connection
    tickets: dict[Key, Ticket] = field(default_factory=dict)  # by (tenant, id)
    alerts: dict[tuple[str, str, str], Member] = field(default_factory=dict)  # by (tenant, ticket id, fingerprint)
    open: dict[Key, str] = field(default_factory=dict)  # by (tenant, fingerprint): the open ticket that has it
    ended: dict[Key, str] = field(default_factory=dict)  # closed before its alert said that it is over
    closed: dict[Key, tuple[str, float]] = field(default_factory=dict)  # closed a short while ago, and when
    groups: dict[Key, str] = field(default_factory=dict)  # by (tenant, group): the open ticket that takes others in
    grouped_at: dict[Key, float] = field(default_factory=dict)  # by (tenant, id): when the latest alert joined
    storms: dict[Key, int] = field(default_factory=dict)  # new tickets of late, by (tenant, storm)
    delivered: dict[Delivery, Key] = field(default_factory=dict)  # the ticket each delivery has joined
    idle: dict[Key, float] = field(default_factory=dict)  # without an open run: when the last one ended, 0.0 long ago
    changed: dict[Key, None] = field(default_factory=dict)  # tickets, in the order they were met
    new: set[Key] = field(default_factory=set)  # tickets
    rewritten: set[Key] = field(default_factory=set)  # tickets of which more has changed than what signals count
    reopened: list[Key] = field(default_factory=list)
    touched: dict[tuple[str, str, str], None] = field(default_factory=dict)  # alerts
    group_of: dict[Key, str] = field(default_factory=dict)  # what a ticket takes in from now on; empty: nothing
    storm_of: dict[Key, str] = field(default_factory=dict)  # the storm a new ticket counts for
    started: dict[str, Run] = field(default_factory=dict)  # by run id
    led_anew: set[str] = field(default_factory=set)  # of them, those that are stored already
    woken: list[Key] = field(default_factory=list)  # (tenant, run id)
    recurred: dict[Key, float] = field(default_factory=dict)  # tickets that fire, and since when that is a recurrence
    signal_rows: list[dict[str, Any]] = field(default_factory=list)


def read_known(connection: Connection, arrivals: Sequence[Arrival], now: float) -> Known:
    """What must be known to place these arrivals; the rows of open tickets are locked where there are row locks."""
    known = Known(connection)
    by_tenant: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        by_tenant.setdefault(arrival.signal.tenant, []).append(arrival)
    for tenant, own in by_tenant.items():
        _read_open(known, tenant, {arrival.signal.fingerprint for arrival in own})
        _read_groups(known, tenant, own, now)
        _read_ended(known, tenant, own)
        _read_closed(known, tenant, own, now)
        _read_delivered(known, tenant, own)
    return known


def delivery_of(signal: Signal) -> Delivery:
    """What identifies a delivery."""
    return (signal.tenant, signal.source, signal.delivery)


def all_members(known: Known, ticket: Ticket) -> list[Member]:
    """Every alert of a ticket, as this batch leaves it."""
    stored: dict[str, Member] = {}
    if (ticket.tenant, ticket.id) not in known.new:
        rows = known.connection.execute(
            select(members.c.body).where(members.c.tenant == ticket.tenant, members.c.ticket_id == ticket.id)
        )
        stored = {member.fingerprint: member for member in map(load_member, rows)}
    for (tenant, ticket_id, fingerprint), member in known.alerts.items():
        if (tenant, ticket_id) == (ticket.tenant, ticket.id):
            stored[fingerprint] = member
    return list(stored.values())


def waiting_run(known: Known, ticket: Ticket) -> Run | None:
    """The run of a ticket, while no worker has begun with it; its row is locked where there are row locks."""
    if ticket.run_id in known.started:
        return known.started[ticket.run_id]
    row = known.connection.execute(
        select(runs.c.body, runs.c.due_at, runs.c.version)
        .where(runs.c.tenant == ticket.tenant, runs.c.id == ticket.run_id, runs.c.status == "queued", runs.c.fence == 0)
        .with_for_update()
    ).first()
    return None if row is None else replace(decode(Run, row.body), due_at=row.due_at, version=row.version)


def _keep(known: Known, tenant: str, row: Any, *, with_runs: bool) -> Ticket:
    ticket = ticket_rows.load(row)
    known.tickets.setdefault((tenant, ticket.id), ticket)
    if with_runs and not row.worked_on:
        known.idle.setdefault((tenant, ticket.id), row.last_end or 0.0)
    return ticket


def _read_open(known: Known, tenant: str, fingerprints: Iterable[str]) -> None:
    for row in _rows(known, _OPEN, fingerprints, of_tenant=tenant):
        ticket = _keep(known, tenant, row, with_runs=True)
        known.open[tenant, row.of] = ticket.id
        known.alerts[tenant, ticket.id, row.of] = decode(Member, row.alert)


def _read_groups(known: Known, tenant: str, arrivals: Sequence[Arrival], now: float) -> None:
    storms = {one.storm[1].key: one.storm[0].within_s for one in arrivals if one.storm}
    wanted = {one.grouping.key for one in arrivals if one.grouping} | storms.keys()
    for row in _rows(known, _GROUPS, wanted, of_tenant=tenant):
        ticket = _keep(known, tenant, row, with_runs=True)
        known.groups[tenant, row.group_key] = ticket.id
        known.grouped_at[tenant, ticket.id] = row.grouped_at
    for key, within_s in storms.items():
        values = {"of_tenant": tenant, "storm": key, "since": now - within_s}
        known.storms[tenant, key] = known.connection.execute(_STORM, values).scalar_one()


def _read_ended(known: Known, tenant: str, arrivals: Sequence[Arrival]) -> None:
    """The newest ended ticket of each problem that is over now: a repair closes one before its alert resolves."""
    over = {one.signal.fingerprint for one in arrivals if one.signal.status is not SignalStatus.FIRING}
    over = {one for one in over if (tenant, one) not in known.open}
    for row in _rows(known, _ENDED, over, of_tenant=tenant):
        _keep_alert(known, tenant, row)
        known.ended[tenant, row.of] = row.id


def _read_closed(known: Known, tenant: str, arrivals: Sequence[Arrival], now: float) -> None:
    """The newest ticket of each problem that fires, which was closed a short while ago."""
    longest = max((one.damping.reopen_s for one in arrivals), default=0.0)
    if longest <= 0:
        return
    firing = {one.signal.fingerprint for one in arrivals if one.signal.status is SignalStatus.FIRING}
    firing = {one for one in firing if (tenant, one) not in known.open}
    for row in _rows(known, _CLOSED, firing, of_tenant=tenant, since=now - longest):
        _keep_alert(known, tenant, row)
        known.closed[tenant, row.of] = (row.id, row.closed_at)


def _keep_alert(known: Known, tenant: str, row: Any) -> None:
    ticket = _keep(known, tenant, row, with_runs=True)
    known.alerts.setdefault((tenant, ticket.id, row.of), decode(Member, row.alert))


def _read_delivered(known: Known, tenant: str, arrivals: Sequence[Arrival]) -> None:
    by_source: dict[str, set[str]] = {}
    for arrival in arrivals:
        if arrival.signal.delivery:
            by_source.setdefault(arrival.signal.source, set()).add(arrival.signal.delivery)
    for source, wanted in by_source.items():
        for row in _rows(known, _DELIVERED, wanted, of_tenant=tenant, of_source=source):
            ticket = _keep(known, tenant, row, with_runs=False)
            known.delivered[tenant, source, row.delivery] = (tenant, ticket.id)


def _rows(known: Known, statement: Any, some: Iterable[str], **values: object) -> Iterator[Any]:
    for chunk in _chunks(some):
        yield from known.connection.execute(statement, {**values, "some": chunk}).all()


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(sorted(values))
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
