"""Joins signals to tickets, or makes tickets and runs of them: a storm is a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from opsagent.adapters.stores.known import Key, Known, all_members, delivery_of, read_known, waiting_run
from opsagent.adapters.stores.received import signal_row, write_received
from opsagent.domain.correlation import Damping, Grouping, service_of
from opsagent.domain.run import Run
from opsagent.domain.ticket import OPEN_STATUSES, Member, Signal, SignalStatus, Ticket, TicketStatus
from opsagent.ports.tickets import Arrival, Joined

_CHANGES_KEPT = 50  # of an alert: enough for any rule about flapping


def receive(connection: Connection, arrivals: Sequence[Arrival], now: float) -> list[Joined]:
    """What became of each arrival, in order; see `TicketStore.receive`."""
    known = read_known(connection, arrivals, now)
    joined = [_join(known, arrival, now) for arrival in arrivals]
    write_received(known, now)
    return joined


def _join(known: Known, arrival: Arrival, now: float) -> Joined:
    signal = arrival.signal
    if earlier := known.delivered.get(delivery_of(signal)):
        return Joined(ticket=known.tickets[earlier], created=False, duplicate=True)
    if signal.status is not SignalStatus.FIRING:
        return _resolve(known, arrival, now)
    problem = (signal.tenant, signal.fingerprint)
    ticket_id = known.open.get(problem)
    if ticket_id is not None:
        return _fire_again(known, arrival, known.tickets[signal.tenant, ticket_id], now)
    host = _host(known, signal.tenant, arrival.grouping, now)
    if host is not None and arrival.grouping is not None:
        return _take_in(known, arrival, host, arrival.grouping, now)
    closed = known.closed.get(problem)
    if closed is not None and now - closed[1] <= arrival.damping.reopen_s:
        return _reopen(known, arrival, known.tickets[signal.tenant, closed[0]], closed[1], now)
    return _new_or_storm(known, arrival, now)


def _resolve(known: Known, arrival: Arrival, now: float) -> Joined:
    signal = arrival.signal
    problem = (signal.tenant, signal.fingerprint)
    ticket_id = known.open.get(problem) or known.ended.pop(problem, None)
    if ticket_id is None:
        return Joined(ticket=arrival.ticket, created=False, duplicate=False)
    ticket = known.tickets[signal.tenant, ticket_id]
    member, was_firing = _heard(known, ticket, signal, now)
    left = ticket.members_firing - was_firing
    ticket = replace(ticket, members_firing=left, firing=left > 0, updated_at=now)
    ticket = _flapping(ticket, member, arrival.damping, now)
    quiet = bool(was_firing) and not left
    is_open = ticket.status in OPEN_STATUSES
    if quiet and is_open and ticket.flapping_until <= now:
        known.woken.append((ticket.tenant, ticket.run_id))
    if quiet and is_open and ticket.members > 1:
        ticket = _start(known, ticket, arrival, now)
    return _noted(known, signal, ticket, Joined(ticket=ticket, created=False, duplicate=False, quiet=quiet))


def _fire_again(known: Known, arrival: Arrival, ticket: Ticket, now: float) -> Joined:
    signal = arrival.signal
    member, was_firing = _heard(known, ticket, signal, now)
    back = not was_firing
    firing = ticket.members_firing + back
    moved = replace(ticket, members_firing=firing, firing=True, updated_at=now)
    moved = _flapping(moved, member, arrival.damping, now)
    ended = known.idle.get((ticket.tenant, ticket.id))
    again = back and not arrival.silenced
    heard_again = back or bool(ticket.silenced)
    moved = replace(moved, silenced=arrival.silenced)
    if ended is not None and not arrival.silenced and (heard_again or now - ended >= arrival.rerun_after_s):
        moved, again = _start(known, moved, arrival, now), True
    known.recurred[ticket.tenant, ticket.id] = now - arrival.damping.reopen_s
    return _noted(known, signal, moved, Joined(ticket=moved, created=False, duplicate=False, reopened=again))


def _take_in(known: Known, arrival: Arrival, ticket: Ticket, grouping: Grouping, now: float) -> Joined:
    """A new alert of an open ticket; where it leads the group more, it takes over what nobody has begun with."""
    signal = arrival.signal
    key = (ticket.tenant, ticket.id)
    member = _new_member(signal, now)
    _keep_member(known, ticket, member)
    known.open[signal.tenant, signal.fingerprint] = ticket.id
    known.grouped_at[key] = now
    moved = replace(
        ticket,
        members=ticket.members + 1,
        members_firing=ticket.members_firing + 1,
        firing=True,
        silenced=ticket.silenced if arrival.silenced else "",
        updated_at=now,
    )
    leads = known.alerts.get((ticket.tenant, ticket.id, ticket.fingerprint))
    leading = grouping.rank(leads.name, leads.priority) if leads else grouping.rank(ticket.name, ticket.priority)
    if key in known.idle:
        rested = 0.0 if ticket.silenced else known.idle[key] + arrival.rerun_after_s
        moved = _start(known, moved, arrival, now, not_before=rested)
    elif not arrival.silenced and grouping.rank(member.name, member.priority) < leading:
        run = waiting_run(known, ticket)
        if run is not None:
            if run.id not in known.started:
                known.led_anew.add(run.id)
            moved = _led_by(known, moved, member)
            known.started[run.id] = _about(run, moved)
    return _noted(known, signal, moved, Joined(ticket=moved, created=False, duplicate=False, member=True))


def _reopen(known: Known, arrival: Arrival, ticket: Ticket, closed_at: float, now: float) -> Joined:
    """The ticket that was closed a short while ago goes on, with another run."""
    signal = arrival.signal
    key = (ticket.tenant, ticket.id)
    member, was_firing = _heard(known, ticket, signal, now)
    minutes = max(1, round((now - closed_at) / 60))
    moved = replace(
        ticket,
        status=TicketStatus.OPEN,
        reason=f"It fired again {minutes} min after it was {ticket.status.value}.",
        closed_at=None,
        members_firing=ticket.members_firing + (not was_firing),
        firing=True,
        recurrences=ticket.recurrences + 1,
        silenced=arrival.silenced,
        updated_at=now,
        version=ticket.version + 1,
    )
    moved = _flapping(moved, member, arrival.damping, now)
    moved = _start(known, moved, arrival, now)
    known.rewritten.add(key)
    known.reopened.append(key)
    known.recurred[key] = now - arrival.damping.reopen_s
    del known.closed[signal.tenant, signal.fingerprint]
    known.open[signal.tenant, signal.fingerprint] = ticket.id
    if arrival.grouping is not None:
        _host_from_now(known, key, arrival.grouping.key, now)
    return _noted(known, signal, moved, Joined(ticket=moved, created=False, duplicate=False, reopened=True))


def _new_or_storm(known: Known, arrival: Arrival, now: float) -> Joined:
    signal = arrival.signal
    grouping = arrival.grouping
    if arrival.storm is not None:
        rule, group = arrival.storm
        counted = known.storms.get((signal.tenant, group.key), 0)
        if counted >= rule.alerts and grouping is None:
            host = _host(known, signal.tenant, group, now)
            if host is not None:
                return _take_in(known, arrival, host, group, now)
            grouping = group
        known.storms[signal.tenant, group.key] = counted + 1
    ticket = replace(
        arrival.ticket,
        signals=0,
        firing=True,
        service=service_of(signal),
        grouping=grouping.words if grouping else "",
        silenced=arrival.silenced,
        run_id="" if arrival.silenced else arrival.run.id,
    )
    key = (ticket.tenant, ticket.id)
    known.new.add(key)
    known.open[signal.tenant, signal.fingerprint] = ticket.id
    if arrival.silenced:
        known.idle[key] = now
    else:
        known.started[arrival.run.id] = replace(arrival.run, ticket_id=ticket.id)
    _keep_member(known, ticket, replace(_new_member(signal, now), looked=not arrival.silenced))
    if grouping is not None:
        _host_from_now(known, key, grouping.key, now)
    if arrival.storm is not None:
        known.storm_of[key] = arrival.storm[1].key
    return _noted(known, signal, ticket, Joined(ticket=ticket, created=True, duplicate=False))


def _host(known: Known, tenant: str, grouping: Grouping | None, now: float) -> Ticket | None:
    """The open ticket that takes in the alerts of a group, while its time has not passed."""
    if grouping is None:
        return None
    ticket_id = known.groups.get((tenant, grouping.key))
    if ticket_id is None or now - known.grouped_at[tenant, ticket_id] > grouping.within_s:
        return None
    return known.tickets[tenant, ticket_id]


def _host_from_now(known: Known, key: Key, group: str, now: float) -> None:
    """That ticket takes in the alerts of the group; the one that did so before does no more."""
    before = known.groups.get((key[0], group))
    if before is not None and before != key[1]:
        known.group_of[key[0], before] = ""
        known.changed[key[0], before] = None
    known.groups[key[0], group] = key[1]
    known.group_of[key] = group
    known.grouped_at[key] = now


def _start(known: Known, ticket: Ticket, arrival: Arrival, now: float, *, not_before: float = 0.0) -> Ticket:
    """Another run, if none is open and nobody silenced it; a flapping problem waits until it was calm for a while.

    It looks at the alert that leads most, of those that fire and no run has looked at yet.
    """
    key = (ticket.tenant, ticket.id)
    ended = None if arrival.silenced else known.idle.pop(key, None)
    if ended is None:
        return ticket
    if ticket.members > 1:
        firing = [one for one in all_members(known, ticket) if one.firing]
        rank = arrival.grouping.rank if arrival.grouping else (lambda _, priority: (0, priority.rank))
        firing.sort(key=lambda one: (one.looked, rank(one.name, one.priority), one.first_at, one.fingerprint))
        if firing:
            ticket = _led_by(known, ticket, firing[0])
    calm = ended + arrival.damping.calm_s if ticket.flapping_until > now else 0.0
    trigger = {name: ticket.id if value == arrival.ticket.id else value for name, value in arrival.run.trigger.items()}
    run = _about(replace(arrival.run, ticket_id=ticket.id, trigger=trigger), ticket)
    known.started[run.id] = replace(run, due_at=max(now, not_before, calm))
    return replace(ticket, run_id=run.id)


def _led_by(known: Known, ticket: Ticket, member: Member) -> Ticket:
    """The ticket, named and described by one of its alerts."""
    _keep_member(known, ticket, replace(member, looked=True))
    if ticket.fingerprint == member.fingerprint:
        return ticket
    known.rewritten.add((ticket.tenant, ticket.id))
    return replace(
        ticket,
        fingerprint=member.fingerprint,
        name=member.name,
        title=member.title or member.name,
        description=member.description,
        priority=min(ticket.priority, member.priority, key=lambda one: one.rank),
        environment=member.environment,
        service=member.service,
        labels=member.labels,
        annotations=member.annotations,
        version=ticket.version + 1,
    )


def _about(run: Run, ticket: Ticket) -> Run:
    """A run nobody has begun with, about the alert that leads its ticket."""
    if run.fingerprint == ticket.fingerprint:
        return run
    return replace(
        run,
        task=f"{ticket.name}: {ticket.title}",
        alert=ticket.name,
        fingerprint=ticket.fingerprint,
        priority=ticket.priority,
    )


def _heard(known: Known, ticket: Ticket, signal: Signal, now: float) -> tuple[Member, bool]:
    """What the alert of a ticket says now, kept; and whether it was firing before."""
    member = known.alerts[ticket.tenant, ticket.id, signal.fingerprint]
    firing = signal.status is SignalStatus.FIRING
    changes = (*member.changes, now)[-_CHANGES_KEPT:] if firing is not member.firing else member.changes
    said = replace(member, firing=firing, signals=member.signals + 1, last_at=now, changes=changes)
    _keep_member(known, ticket, said)
    return said, member.firing


def _new_member(signal: Signal, now: float) -> Member:
    return Member(
        fingerprint=signal.fingerprint,
        name=signal.name,
        firing=True,
        title=signal.title,
        description=signal.description,
        priority=signal.priority,
        environment=signal.environment,
        service=service_of(signal),
        labels=dict(signal.labels),
        annotations=dict(signal.annotations),
        first_at=now,
        last_at=now,
    )


def _keep_member(known: Known, ticket: Ticket, member: Member) -> None:
    key = (ticket.tenant, ticket.id, member.fingerprint)
    known.alerts[key] = member
    known.touched[key] = None


def _flapping(ticket: Ticket, member: Member, damping: Damping, now: float) -> Ticket:
    if not damping.flapping(member.changes, now):
        return ticket
    return replace(ticket, flapping_until=now + damping.flapping_s)


def _noted(known: Known, signal: Signal, ticket: Ticket, joined: Joined) -> Joined:
    """The signal is of that ticket now."""
    ticket = replace(ticket, signals=ticket.signals + 1)
    key = (ticket.tenant, ticket.id)
    known.tickets[key] = ticket
    known.changed[key] = None
    if signal.delivery:
        known.delivered[delivery_of(signal)] = key
    known.signal_rows.append(signal_row(signal, ticket))
    return replace(joined, ticket=ticket)
