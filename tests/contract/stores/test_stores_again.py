"""A problem that goes on, or comes back, after the run that looked at it has ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.run import RETENTION_S, Run, RunResult, RunStatus
from opsagent.domain.ticket import SignalStatus, Ticket, TicketStatus
from opsagent.errors import IllegalMove
from opsagent.ports.stores import Change, Stores
from opsagent.ports.tickets import Arrival, Joined
from store_nouns import Nouns

RESOLVED = SignalStatus.RESOLVED


async def end(stores: Stores, run_id: str, clock: ManualClock, ticket: Ticket | None = None) -> Run:
    """The run ends; `ticket` is what it leaves of the ticket."""
    claimed = await stores.runs.claim("acme", run_id, "w1", 30)
    assert claimed is not None
    lease, run = claimed
    ended = run.begin(clock.now()).end(RunStatus.FAILED, clock.now(), result=RunResult(summary="Not repaired."))
    return await stores.runs.save(lease, Change(run=ended, ticket=ticket))


async def receive(stores: Stores, arrival: Arrival) -> Joined:
    (joined,) = await stores.tickets.receive([arrival])
    return joined


async def escalated(stores: Stores, nouns: Nouns, clock: ManualClock) -> Ticket:
    """An open ticket that fires, and whose run has just ended."""
    made = await receive(stores, nouns.arrival())
    await end(stores, made.ticket.run_id, clock, replace(made.ticket, status=TicketStatus.ESCALATED, reason="no cure"))
    return await stores.tickets.get("acme", made.ticket.id)


async def test_a_problem_that_came_back_is_looked_at_again(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    ticket = await escalated(stores, nouns, clock)
    await receive(stores, nouns.arrival(status=RESOLVED))
    clock.move(1)
    arrival = nouns.arrival()
    arrival = replace(arrival, run=replace(arrival.run, trigger={"source": "x", "ticketId": arrival.ticket.id}))
    joined = await receive(stores, arrival)
    assert (joined.created, joined.reopened, joined.duplicate) == (False, True, False)
    assert joined.ticket.id == ticket.id
    assert joined.ticket.run_id == arrival.run.id
    stored = await stores.tickets.get("acme", ticket.id)
    assert stored == joined.ticket
    assert (stored.status, stored.reason, stored.version) == (TicketStatus.ESCALATED, "no cure", ticket.version)
    assert stored.firing
    run = await stores.runs.get("acme", arrival.run.id)
    assert (run.ticket_id, run.trigger) == (ticket.id, {"source": "x", "ticketId": ticket.id})
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]
    assert len((await stores.tickets.list("acme")).items) == 1


async def test_repeats_of_what_still_fires_start_nothing_for_a_while(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    ticket = await escalated(stores, nouns, clock)
    for _ in range(10):
        clock.move(29.9)
        again = await receive(stores, nouns.arrival())
        assert (again.reopened, again.ticket.run_id) == (False, ticket.run_id)
    assert await stores.runs.due(10) == []
    clock.move(1.1)
    arrival = nouns.arrival()
    again = await receive(stores, arrival)
    assert (again.reopened, again.ticket.run_id) == (True, arrival.run.id)
    assert [one.run_id for one in await stores.runs.due(10)] == [arrival.run.id]


async def test_the_wait_is_the_arrivals_own(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    await escalated(stores, nouns, clock)
    clock.move(10)
    assert not (await receive(stores, replace(nouns.arrival(), rerun_after_s=11.0))).reopened
    assert (await receive(stores, replace(nouns.arrival(), rerun_after_s=10.0))).reopened


async def test_there_is_one_open_run_of_a_ticket(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    await escalated(stores, nouns, clock)
    clock.move(301)
    over = nouns.arrival(status=RESOLVED)
    joined = await stores.tickets.receive([nouns.arrival(), nouns.arrival(), over, nouns.arrival()])
    assert [one.reopened for one in joined] == [True, False, False, True]
    assert len({one.ticket.run_id for one in joined}) == 1
    clock.move(301)
    later = await stores.tickets.receive([nouns.arrival(status=RESOLVED), nouns.arrival()])
    assert {one.ticket.run_id for one in later} == {joined[0].ticket.run_id}
    assert len(await stores.runs.due(10)) == 1


async def test_a_retry_by_a_person_is_such_a_run(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    ticket = await escalated(stores, nouns, clock)
    clock.move(301)
    retry = await stores.runs.create(nouns.run(ticket_id=ticket.id, retry_of=ticket.run_id))
    assert not (await receive(stores, nouns.arrival())).reopened
    await end(stores, retry.id, clock)
    clock.move(299)
    assert not (await receive(stores, nouns.arrival())).reopened
    clock.move(1)
    assert (await receive(stores, nouns.arrival())).reopened


async def test_a_ticket_outlives_its_deleted_run(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    ticket = await escalated(stores, nouns, clock)
    clock.move(RETENTION_S + 1)
    assert await stores.housekeeping.expire() == [ticket.run_id]
    again = await receive(stores, nouns.arrival())
    assert (again.created, again.reopened) == (False, True)


async def test_another_tenants_run_is_no_run_of_it(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    ticket = await escalated(stores, nouns, clock)
    clock.move(301)
    await stores.runs.create(nouns.run(tenant="other", ticket_id=ticket.id))
    assert (await receive(stores, nouns.arrival())).reopened


async def test_a_persons_older_view_does_not_bring_the_old_run_back(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    ticket = await escalated(stores, nouns, clock)
    clock.move(301)
    again = await receive(stores, nouns.arrival())
    saved = await stores.tickets.save(replace(ticket, status=TicketStatus.OPEN), [])
    assert saved.run_id == again.ticket.run_id
    assert (await stores.tickets.get("acme", ticket.id)).run_id == again.ticket.run_id


async def test_a_delivery_seen_before_starts_nothing(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    await escalated(stores, nouns, clock)
    clock.move(301)
    first = await receive(stores, nouns.arrival(delivery="d"))
    await end(stores, first.ticket.run_id, clock)
    clock.move(301)
    again = await receive(stores, nouns.arrival(delivery="d"))
    assert (again.duplicate, again.reopened) == (True, False)
    assert await stores.runs.due(10) == []


async def test_a_ticket_changed_by_others_is_said_so(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    made = await receive(stores, nouns.arrival())
    await stores.tickets.save(replace(made.ticket, reason="I look at it"), [])
    claimed = await stores.runs.claim("acme", made.ticket.run_id, "w1", 30)
    assert claimed is not None
    lease, run = claimed
    escalation = replace(made.ticket, status=TicketStatus.ESCALATED)
    with pytest.raises(IllegalMove, match="changed meanwhile") as caught:
        await stores.runs.save(lease, Change(run=run.begin(clock.now()), ticket=escalation))
    assert caught.value.extra == {"stale": "ticket"}
    assert await stores.runs.get("acme", run.id) == run
    fresh = replace(await stores.tickets.get("acme", made.ticket.id), status=TicketStatus.ESCALATED)
    await stores.runs.save(lease, Change(run=run.begin(clock.now()), ticket=fresh))
    assert await stores.tickets.get("acme", fresh.id) == replace(fresh, version=3)
