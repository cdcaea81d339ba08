"""Several alerts, one ticket: groups, storms, reopening, flapping, and the members a ticket shows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.correlation import Damping, Grouping, Storm
from opsagent.domain.ending import Closing, Ending, Feedback, How
from opsagent.domain.priority import Priority
from opsagent.domain.run import Run, RunResult, RunStatus
from opsagent.domain.ticket import SignalStatus, Ticket, TicketStatus
from opsagent.errors import IllegalMove
from opsagent.ports.stores import Change, Stores
from opsagent.ports.tickets import Arrival, Joined
from store_nouns import Nouns

FIRING, RESOLVED = SignalStatus.FIRING, SignalStatus.RESOLVED
GROUP = Grouping(key="g1", words="shop: same service shop", within_s=300.0, lead=("Down", "Slow"))
DAMPING = Damping(reopen_s=3600.0, flaps=4, flapping_s=900.0, calm_s=600.0)


def of_group(
    nouns: Nouns,
    fingerprint: str,
    status: SignalStatus = FIRING,
    *,
    name: str = "Other",
    priority: Priority = Priority.MEDIUM,
    **changes: object,
) -> Arrival:
    made = nouns.arrival(fingerprint, status)
    about = {"name": name, "priority": priority}
    return replace(
        made,
        signal=replace(made.signal, **about, title=f"{name} of {fingerprint}", labels={"service": "shop"}),
        ticket=replace(made.ticket, **about),
        run=replace(made.run, alert=name),
        **({"grouping": GROUP, "damping": DAMPING} | changes),  # type: ignore[arg-type]
    )


async def receive(stores: Stores, *arrivals: Arrival) -> list[Joined]:
    return list(await stores.tickets.receive(arrivals))


async def end(stores: Stores, run_id: str, clock: ManualClock, ending: Ending | None = None, **ticket: object) -> None:
    claimed = await stores.runs.claim("acme", run_id, "w1", 30)
    assert claimed is not None
    lease, run = claimed
    ended = run.begin(clock.now()).end(RunStatus.COMPLETED, clock.now(), result=RunResult(summary="done"))
    current = await stores.tickets.get("acme", run.ticket_id)
    if ticket.get("status") is TicketStatus.CLOSED:
        ticket["closed_at"] = clock.now()
    changed = replace(current, **ticket) if ticket else None  # type: ignore[arg-type]
    if ending is not None:
        ending = replace(ending, run_id=run_id, ticket_id=run.ticket_id, at=clock.now())
    await stores.runs.save(lease, Change(run=ended, ticket=changed, ending=ending))


def closing(kind: Closing) -> Ending:
    return Ending(
        tenant="acme", run_id="", ticket_id="", fingerprint="f1", at=0.0, how=How.BY_ITSELF, closing=kind, score=0.05
    )


async def ticket_of(stores: Stores, joined: Joined) -> Ticket:
    return await stores.tickets.get("acme", joined.ticket.id)


async def run_of(stores: Stores, joined: Joined) -> Run:
    return await stores.runs.get("acme", (await ticket_of(stores, joined)).run_id)


async def test_a_group_is_one_ticket_with_one_run(stores: Stores, nouns: Nouns) -> None:
    first, second, again = await receive(
        stores, of_group(nouns, "f1"), of_group(nouns, "f2"), of_group(nouns, "f2", name="Other")
    )
    assert [one.created for one in (first, second, again)] == [True, False, False]
    assert [one.member for one in (first, second, again)] == [False, True, False]
    assert first.ticket.id == second.ticket.id == again.ticket.id
    ticket = await ticket_of(stores, first)
    assert (ticket.signals, ticket.members, ticket.members_firing) == (3, 2, 2)
    assert ticket.grouping == GROUP.words
    assert len((await stores.runs.list("acme")).items) == 1
    members = await stores.triage.members("acme", ticket.id)
    assert [(one.fingerprint, one.firing, one.signals) for one in members] == [("f1", True, 1), ("f2", True, 2)]


async def test_a_ticket_fires_while_one_of_its_alerts_does(stores: Stores, nouns: Nouns) -> None:
    (first, *_) = await receive(stores, of_group(nouns, "f1"), of_group(nouns, "f2"))
    (over,) = await receive(stores, of_group(nouns, "f1", RESOLVED))
    assert (over.ticket.firing, over.ticket.members_firing, over.quiet) == (True, 1, False)
    (over,) = await receive(stores, of_group(nouns, "f1", RESOLVED))
    assert over.ticket.members_firing == 1
    (over,) = await receive(stores, of_group(nouns, "f2", RESOLVED))
    assert (over.ticket.firing, over.ticket.members_firing, over.quiet) == (False, 0, True)
    assert (await ticket_of(stores, first)).status is TicketStatus.OPEN
    assert [one.firing for one in await stores.triage.members("acme", first.ticket.id)] == [False, False]


async def test_the_alert_that_leads_takes_over_what_nobody_has_begun_with(stores: Stores, nouns: Nouns) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1", name="Slow"))
    await receive(stores, of_group(nouns, "f2", name="Noise", priority=Priority.CRITICAL))
    assert (await ticket_of(stores, first)).name == "Slow"  # what the rule names comes before what is urgent
    await receive(stores, of_group(nouns, "f3", name="Down"))
    ticket, run = await ticket_of(stores, first), await run_of(stores, first)
    assert (ticket.name, ticket.fingerprint, ticket.version) == ("Down", "f3", 2)
    assert (run.alert, run.fingerprint, run.id) == ("Down", "f3", first.ticket.run_id)
    assert "Down of f3" in run.task


async def test_a_run_that_has_begun_is_not_taken_over(stores: Stores, nouns: Nouns) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1", name="Slow"))
    assert await stores.runs.claim("acme", first.ticket.run_id, "w1", 30) is not None
    await receive(stores, of_group(nouns, "f3", name="Down"))
    assert (await ticket_of(stores, first)).name == "Slow"
    assert (await run_of(stores, first)).alert == "Slow"


async def test_the_next_run_is_about_an_alert_nobody_has_looked_at(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1", name="Down"))
    await end(stores, first.ticket.run_id, clock, status=TicketStatus.ESCALATED)
    clock.move(60)
    (second,) = await receive(stores, of_group(nouns, "f2", name="Slow"))
    assert second.member
    run = await run_of(stores, first)
    assert run.id != first.ticket.run_id
    assert (run.alert, run.fingerprint) == ("Slow", "f2")
    assert run.due_at == clock.now() - 60 + 300  # not more often than `rerun_after_s`
    assert (await ticket_of(stores, first)).name == "Slow"


async def test_a_group_takes_in_for_its_time_only(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1"))
    clock.move(299)
    (second,) = await receive(stores, of_group(nouns, "f2"))
    clock.move(299)
    (third,) = await receive(stores, of_group(nouns, "f3"))
    assert second.ticket.id == third.ticket.id == first.ticket.id
    clock.move(301)
    (late,) = await receive(stores, of_group(nouns, "f4"))
    assert late.created
    (later,) = await receive(stores, of_group(nouns, "f5"))
    assert later.ticket.id == late.ticket.id
    (old,) = await receive(stores, of_group(nouns, "f3"))  # it is one of that ticket, whatever the time
    assert old.ticket.id == first.ticket.id


async def test_other_groups_and_other_tenants_are_apart(stores: Stores, nouns: Nouns) -> None:
    other = replace(GROUP, key="g2")
    foreign = of_group(Nouns(nouns.clock, nouns.ids, "beta"), "f3")
    joined = await receive(stores, of_group(nouns, "f1"), of_group(nouns, "f2", grouping=other), foreign)
    assert all(one.created for one in joined)


async def test_a_ticket_with_an_alert_that_joined_meanwhile_is_not_closed(stores: Stores, nouns: Nouns) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1"))
    read = await ticket_of(stores, first)
    await receive(stores, of_group(nouns, "f2"))
    with pytest.raises(IllegalMove) as caught:
        await stores.tickets.save(replace(read, status=TicketStatus.CLOSED), [])
    assert caught.value.extra == {"stale": "ticket"}
    await stores.tickets.save(replace(read, status=TicketStatus.ESCALATED), [])


async def test_many_writers_at_once_make_one_ticket(stores: Stores, nouns: Nouns) -> None:
    posts = [[of_group(nouns, f"f{post}-{n}") for n in range(10)] for post in range(20)]
    joined = [one for part in await asyncio.gather(*(receive(stores, *post) for post in posts)) for one in part]
    assert sum(one.created for one in joined) == 1
    (ticket,) = (await stores.tickets.list("acme")).items
    assert (ticket.signals, ticket.members, ticket.members_firing) == (200, 200, 200)
    assert len(await stores.triage.members("acme", ticket.id, limit=500)) == 200


def storming(nouns: Nouns, n: int, **changes: object) -> Arrival:
    group = Grouping(key="storm", words="storm", within_s=60.0)
    about = {"grouping": None, "storm": (Storm(alerts=20, within_s=60.0), group)} | changes
    return of_group(nouns, f"f{n}", **about)  # type: ignore[arg-type]


async def test_a_storm_is_few_tickets_and_keeps_every_signal(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    arrivals = [storming(nouns, n) for n in range(1000)]
    for start in range(0, 1000, 100):
        await receive(stores, *arrivals[start : start + 100])
        clock.move(0.5)
    tickets = (await stores.tickets.list("acme", limit=200)).items
    assert len(tickets) == 21
    assert sum(ticket.signals for ticket in tickets) == 1000
    (storm,) = [ticket for ticket in tickets if ticket.members > 1]
    assert storm.members == 980
    assert len(await stores.tickets.signals("acme", storm.id, limit=2000)) == 980
    clock.move(3600)
    (calm,) = await receive(stores, storming(nouns, 5000))
    assert calm.created


async def test_what_was_closed_a_short_while_ago_is_open_again(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1", grouping=None))
    await end(stores, first.ticket.run_id, clock, closing(Closing.CLOSED), status=TicketStatus.CLOSED)
    await receive(stores, of_group(nouns, "f1", RESOLVED, grouping=None))
    assert (await stores.triage.quality("acme")).closed.wrong == 0
    clock.move(600)
    (back,) = await receive(stores, of_group(nouns, "f1", grouping=None))
    assert (back.created, back.reopened, back.ticket.id) == (False, True, first.ticket.id)
    ticket = await ticket_of(stores, first)
    assert (ticket.status, ticket.closed_at, ticket.recurrences) == (TicketStatus.OPEN, None, 1)
    assert "10 min after it was closed" in ticket.reason
    assert ticket.run_id not in {"", first.ticket.run_id}
    quality = await stores.triage.quality("acme")
    assert (quality.closed.total, quality.closed.wrong) == (1, 1)
    (again,) = await receive(stores, of_group(nouns, "f1", grouping=None))
    assert not again.created  # it is one of the open ticket again


async def test_what_was_closed_long_ago_is_a_new_ticket(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1"))
    await end(stores, first.ticket.run_id, clock, closing(Closing.CLOSED), status=TicketStatus.CLOSED)
    clock.move(3601)
    (later,) = await receive(stores, of_group(nouns, "f1"))
    assert later.created
    assert (await stores.triage.quality("acme")).closed.wrong == 0


async def test_an_alert_of_another_open_ticket_stays_there(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    (first, _) = await receive(stores, of_group(nouns, "f1"), of_group(nouns, "f2"))
    ticket = await ticket_of(stores, first)
    await stores.tickets.save(replace(ticket, status=TicketStatus.CLOSED, closed_at=clock.now()), [])
    (second,) = await receive(stores, of_group(nouns, "f2", damping=Damping()))
    assert second.created
    (back,) = await receive(stores, of_group(nouns, "f1", grouping=None))
    assert (back.ticket.id, back.reopened) == (first.ticket.id, True)
    (still,) = await receive(stores, of_group(nouns, "f2"))
    assert still.ticket.id == second.ticket.id


async def test_in_shadow_the_ticket_stays_and_the_recurrence_counts(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1"))
    await end(stores, first.ticket.run_id, clock, closing(Closing.SHADOW))
    clock.move(60)
    await receive(stores, of_group(nouns, "f1", RESOLVED), of_group(nouns, "f1"))
    quality = await stores.triage.quality("acme")
    assert (quality.shadow.total, quality.shadow.wrong, quality.closed.total) == (1, 1, 0)


async def test_a_persons_word_counts_above_what_happened(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1"))
    await end(stores, first.ticket.run_id, clock, closing(Closing.CLOSED), status=TicketStatus.CLOSED)
    clock.move(60)
    await receive(stores, of_group(nouns, "f1"))
    word = Feedback(tenant="acme", ticket_id=first.ticket.id, real=False, by="person:ada", at=clock.now(), note="noise")
    await stores.triage.say(word, [nouns.entry("ticket.feedback")])
    assert (await stores.triage.quality("acme")).closed.wrong == 0
    assert await stores.triage.said("acme", first.ticket.id) == word
    (answers,) = await stores.triage.answers("acme")
    assert (answers.bucket, answers.real, answers.noise) == (0, 0, 1)
    history = await stores.triage.history("acme", "f1")
    assert (history.endings, history.real, history.noise, history.last_word) == ((How.BY_ITSELF,), 0, 1, "noise")
    await stores.triage.say(replace(word, real=True), [])
    assert (await stores.triage.quality("acme")).closed.wrong == 1
    assert (await stores.triage.history("acme", "f1")).real == 1
    assert (await stores.triage.quality("acme", since=clock.now() + 1)).closed.total == 0


async def test_what_a_person_reopens_was_closed_wrongly(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1"))
    await end(stores, first.ticket.run_id, clock, closing(Closing.CLOSED), status=TicketStatus.CLOSED)
    clock.move(50_000)
    closed = await ticket_of(stores, first)
    await stores.tickets.save(replace(closed, status=TicketStatus.OPEN, closed_at=None), [])
    assert (await stores.triage.quality("acme")).closed.wrong == 1
    (same,) = await receive(stores, of_group(nouns, "f1"))
    assert same.ticket.id == first.ticket.id


async def test_a_flapping_alert_is_marked_and_its_runs_slow_down(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    (first,) = await receive(stores, of_group(nouns, "f1"))
    await end(stores, first.ticket.run_id, clock)
    ended = clock.now()
    runs = 1
    for _ in range(6):
        clock.move(20)
        await receive(stores, of_group(nouns, "f1", RESOLVED))
        clock.move(20)
        (back,) = await receive(stores, of_group(nouns, "f1"))
        ticket = await ticket_of(stores, first)
        if ticket.run_id != first.ticket.run_id and (await run_of(stores, first)).due_at <= clock.now():
            await end(stores, ticket.run_id, clock)
            ended, runs = clock.now(), runs + 1
    ticket = await ticket_of(stores, first)
    assert ticket.flapping_until > clock.now()
    assert back.reopened
    found = (await stores.runs.list("acme")).items
    assert len(found) == runs + 1 == 3  # at its first return it was looked at at once; the next one waits for calm
    waiting = await run_of(stores, first)
    assert waiting.due_at == ended + 600
    assert waiting.id not in {due.run_id for due in await stores.runs.due(10)}
    clock.move(600)
    assert waiting.id in {due.run_id for due in await stores.runs.due(10)}


async def test_the_run_that_waits_for_a_person_is_woken_when_the_last_alert_resolves(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    (first, _) = await receive(stores, of_group(nouns, "f1"), of_group(nouns, "f2"))
    claimed = await stores.runs.claim("acme", first.ticket.run_id, "w1", 30)
    assert claimed is not None
    lease, run = claimed
    parked = run.begin(clock.now()).park(clock.now(), until=clock.now() + 900)
    await stores.runs.save(lease, Change(run=parked))
    await stores.runs.release(lease)
    await receive(stores, of_group(nouns, "f1", RESOLVED))
    assert not await stores.runs.due(10)
    await receive(stores, of_group(nouns, "f2", RESOLVED))
    assert [due.run_id for due in await stores.runs.due(10)] == [run.id]


async def test_other_alerts_of_a_service_are_found(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    await receive(stores, of_group(nouns, "f1"), of_group(nouns, "f2", name="Slow"))
    await receive(stores, of_group(nouns, "f3"), of_group(nouns, "f3", RESOLVED))
    found = await stores.triage.alongside(
        "acme", service="shop", environment="", other_than="f1", since=clock.now() - 60
    )
    assert [(one.fingerprint, one.name) for one in found] == [("f2", "Slow")]
    clock.move(120)
    assert not await stores.triage.alongside(
        "acme", service="shop", environment="", other_than="f1", since=clock.now() - 60
    )
