"""Writes what a batch of signals has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, insert, update

from opsagent.adapters.stores import run_rows, ticket_rows
from opsagent.adapters.stores.codec import encode
from opsagent.adapters.stores.ending_rows import note_recurrences
from opsagent.adapters.stores.known import Key, Known
from opsagent.adapters.stores.member_rows import row_of, set_open
from opsagent.adapters.stores.run_texts import note_words
from opsagent.adapters.stores.tables import runs, signals, tickets
from opsagent.adapters.stores.triage_tables import members
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.ticket import OPEN_STATUSES, Signal, Ticket

_OF = (tickets.c.tenant == bindparam("of_tenant"), tickets.c.id == bindparam("of_ticket"))
_MOVED = (
    "signals",
    "firing",
    "silenced",
    "members",
    "members_firing",
    "recurrences",
    "flapping_until",
    "run_id",
    "updated_at",
)
_COUNT = update(tickets).where(*_OF).values({name: bindparam(name) for name in _MOVED})
_RELEASE = update(tickets).where(*_OF).values(group_key="")
_HOST = update(tickets).where(*_OF).values(group_key=bindparam("group"), grouped_at=bindparam("at"))
_JOINED_AT = update(tickets).where(*_OF).values(grouped_at=bindparam("at"))


def write_received(known: Known, now: float) -> None:
    """All of it, a few statements however many signals there were."""
    connection = known.connection
    released = [_of(key) for key, group in known.group_of.items() if not group and key not in known.new]
    if released:
        connection.execute(_RELEASE, released)
    _write_tickets(known)
    _write_runs(known, now)
    rows = [
        row_of(known.alerts[key], known.tickets[key[:2]], is_open=known.tickets[key[:2]].status in OPEN_STATUSES)
        for key in known.touched
    ]
    if rows:
        upsert(connection, members, rows)
    for key in known.reopened:
        set_open(connection, known.tickets[key], is_open=True)
    if known.signal_rows:
        connection.execute(insert(signals), known.signal_rows)
    note_recurrences(connection, known.recurred, now)
    for tenant, run_id in known.woken:
        if run_id not in known.started:
            run_rows.wake_waiting(connection, tenant, run_id, now)


def signal_row(signal: Signal, ticket: Ticket) -> dict[str, Any]:
    """The row of a signal, the latest of its ticket."""
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


def _write_tickets(known: Known) -> None:
    connection = known.connection
    made = [known.tickets[key] for key in known.changed if key in known.new]
    if made:
        connection.execute(insert(tickets), [_new_row(known, ticket) for ticket in made])
    counted = [known.tickets[key] for key in known.changed if key not in known.new]
    if counted:
        connection.execute(_COUNT, [_counts(ticket) for ticket in counted])
    for key in known.rewritten - known.new:
        ticket = known.tickets[key]
        connection.execute(
            update(tickets)
            .where(tickets.c.tenant == ticket.tenant, tickets.c.id == ticket.id)
            .values(**ticket_rows.columns_of(ticket), version=ticket.version)
        )
    hosts = [{**_of(key), "group": group} for key, group in known.group_of.items() if group and key not in known.new]
    if hosts:
        connection.execute(
            _HOST, [{**one, "at": known.grouped_at[one["of_tenant"], one["of_ticket"]]} for one in hosts]
        )
    joined = [
        {**_of(key), "at": at}
        for key, at in known.grouped_at.items()
        if key in known.changed and key not in known.new and not known.group_of.get(key)
    ]
    if joined:
        connection.execute(_JOINED_AT, joined)


def _new_row(known: Known, ticket: Ticket) -> dict[str, Any]:
    key = (ticket.tenant, ticket.id)
    return {
        **ticket_rows.new_row(ticket),
        "group_key": known.group_of.get(key, ""),
        "grouped_at": known.grouped_at.get(key, 0.0),
        "storm_key": known.storm_of.get(key, ""),
    }


def _counts(ticket: Ticket) -> dict[str, Any]:
    moved = ticket_rows.moved_columns(ticket)
    return {"of_tenant": ticket.tenant, "of_ticket": ticket.id, **moved, "updated_at": ticket.updated_at}


def _of(key: Key) -> dict[str, str]:
    return {"of_tenant": key[0], "of_ticket": key[1]}


def _write_runs(known: Known, now: float) -> None:
    fresh = [run for run in known.started.values() if run.id not in known.led_anew]
    if fresh:
        rows = [run_rows.new_row(replace(run, due_at=now if run.due_at is None else run.due_at)) for run in fresh]
        known.connection.execute(insert(runs), rows)
        note_words(known.connection, fresh)
    for run_id in known.led_anew:
        run = known.started[run_id]
        known.connection.execute(
            update(runs).where(run_rows.is_run(run.tenant, run.id)).values(**run_rows.columns_of(run))
        )
        note_words(known.connection, [run])
