"""Escalations in every store: found, begun once, moved together with what they tell, acknowledged, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.escalation import FORGET_S, FRESH_S, Case, Conclusion, Escalation, begin
from opsagent.domain.escalation_policy import Addressee, EscalationPolicy, EscalationStep, Occasion
from opsagent.domain.notice import Notice
from opsagent.domain.run import Run, RunResult, RunStatus
from opsagent.domain.ticket import Ticket, TicketStatus
from opsagent.errors import IllegalMove, InputError, NotFound
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns

ROOM = Addressee(name="room", channel="slack", address="#ops")
POLICY = EscalationPolicy(
    name="nights",
    version="1",
    on=Occasion.APPROVAL_UNANSWERED,
    steps=(EscalationStep(after_s=600, tell=(ROOM,)), EscalationStep(after_s=600, tell=(ROOM,))),
)


async def asked(stores: Stores, nouns: Nouns) -> Run:
    """A run that waits for an answer."""
    run = await stores.runs.create(nouns.run())
    claimed = await stores.runs.claim(run.tenant, run.id, "w", 60)
    assert claimed is not None
    lease, run = claimed
    step = nouns.step(run)
    parked = run.begin(nouns.clock.now()).park(nouns.clock.now(), until=None)
    return await stores.runs.save(lease, Change(run=parked, steps=[step], approvals=[nouns.approval(step)]))


async def failed(stores: Stores, nouns: Nouns) -> Run:
    run = await stores.runs.create(nouns.run())
    claimed = await stores.runs.claim(run.tenant, run.id, "w", 60)
    assert claimed is not None
    lease, run = claimed
    result = RunResult(summary="no")
    ended = run.begin(nouns.clock.now()).end(RunStatus.FAILED, nouns.clock.now(), result=result, error="no")
    return await stores.runs.save(lease, Change(run=ended))


async def ticket(stores: Stores, nouns: Nouns) -> Ticket:
    (joined,) = await stores.tickets.receive([nouns.arrival()])
    return joined.ticket


async def cases(stores: Stores, occasion: Occasion) -> list[Case]:
    return [one.case for one in await stores.escalations.waiting(occasion, 10)]


async def begun(stores: Stores, clock: ManualClock, occasion: Occasion) -> Escalation:
    (one,) = await stores.escalations.waiting(occasion, 10)
    made = begin(one.case, POLICY, identifier=f"e{one.number}", number=one.number, now=clock.now())
    await stores.escalations.begin([made])
    return made


async def test_each_kind_of_case_is_found_until_it_has_an_escalation(
    stores: Stores, clock: ManualClock, nouns: Nouns
) -> None:
    run, broken = await asked(stores, nouns), await failed(stores, nouns)
    problem = await ticket(stores, nouns)
    (question,) = await stores.approvals.of_run(run.tenant, run.id)
    found = {occasion: await cases(stores, occasion) for occasion in Occasion}
    assert [one.subject for one in found[Occasion.APPROVAL_UNANSWERED]] == [question.id]
    assert [one.subject for one in found[Occasion.RUN_FAILED]] == [broken.id]
    assert [one.subject for one in found[Occasion.TICKET_OPEN]] == [problem.id]
    (case,) = found[Occasion.APPROVAL_UNANSWERED]
    assert (case.run, case.approval, case.ticket) == (run, question, None)
    assert case.since == question.requested_at
    assert case.fact.labels["target"] == question.target
    (case,) = found[Occasion.TICKET_OPEN]
    assert case.ticket is not None and case.run is not None
    assert case.fact.labels | dict(case.ticket.labels) == case.fact.labels

    made = await begun(stores, clock, Occasion.APPROVAL_UNANSWERED)
    assert await cases(stores, Occasion.APPROVAL_UNANSWERED) == []
    await stores.escalations.begin([replace(made, policy="another")])
    stored, case = await stores.escalations.get("acme", made.id)
    assert (stored, case.approval) == (made, question)
    assert (await stores.escalations.list("acme")).items == (made,)
    assert (await stores.escalations.list("other")).items == ()
    with pytest.raises(NotFound):
        await stores.escalations.get("other", made.id)


async def test_pages_are_above_a_place(stores: Stores, nouns: Nouns) -> None:
    ids = sorted([(await failed(stores, nouns)).id for _ in range(5)])
    first = await stores.escalations.waiting(Occasion.RUN_FAILED, 3)
    rest = await stores.escalations.waiting(Occasion.RUN_FAILED, 3, after=("acme", first[-1].case.subject))
    assert [one.case.subject for one in (*first, *rest)] == ids


async def test_what_is_old_when_it_is_first_seen_is_left_alone(
    stores: Stores, clock: ManualClock, nouns: Nouns
) -> None:
    await failed(stores, nouns)
    await ticket(stores, nouns)
    clock.move(FRESH_S)
    assert [await cases(stores, occasion) for occasion in Occasion] == [[], [], []]


async def test_a_telling_is_stored_with_its_notices_once(stores: Stores, clock: ManualClock, nouns: Nouns) -> None:
    run = await asked(stores, nouns)
    made = await begun(stores, clock, Occasion.APPROVAL_UNANSWERED)
    assert await stores.escalations.open(10, due_by=clock.now() + 599) == []
    ((due, case),) = await stores.escalations.open(10, due_by=clock.now() + 600)
    assert (due, case.over(clock.now())) == (made, None)
    after = made.tell(POLICY, clock.now() + 600)
    notice, line = nouns.notice(), nouns.event(run, "told room")
    assert await stores.escalations.move(made, after, [notice], [line])
    assert not await stores.escalations.move(made, after, [nouns.notice()], [line])
    assert [one.id for one in (await stores.notices.list("acme")).items] == [notice.id]
    assert [one.content for one in await stores.journal.events("acme", run.id)] == ["told room"]
    assert (await stores.escalations.get("acme", made.id))[0] == after
    with pytest.raises(InputError):
        await stores.escalations.move(after, replace(after, id="other"))
    with pytest.raises(InputError):
        await stores.escalations.move(after, after, [nouns.notice(tenant="other")])


async def test_nobody_is_told_of_what_was_answered_meanwhile(stores: Stores, clock: ManualClock, nouns: Nouns) -> None:
    run = await asked(stores, nouns)
    made = await begun(stores, clock, Occasion.APPROVAL_UNANSWERED)
    (question,) = await stores.approvals.of_run(run.tenant, run.id)
    await stores.approvals.decide("acme", question.id, grant=False, by="person:ada", notes="")
    assert not await stores.escalations.move(made, made.tell(POLICY, clock.now()), [nouns.notice()])
    assert not (await stores.notices.list("acme")).items
    ((stored, case),) = await stores.escalations.open(10)
    assert (stored, case.over(clock.now())) == (made, Conclusion.ANSWERED)
    assert await stores.escalations.move(made, made.end(Conclusion.ANSWERED, clock.now()))
    assert await stores.escalations.open(10) == []


async def test_whoever_looks_is_shown_in_place_of_what_was_told(
    stores: Stores, clock: ManualClock, nouns: Nouns
) -> None:
    run = await asked(stores, nouns)
    made = await begun(stores, clock, Occasion.APPROVAL_UNANSWERED)
    told = [replace(nouns.notice(), id=f"{made.telling}:slack:{where}", run_id=run.id) for where in ("a", "b")]
    others = replace(nouns.notice(), id=f"escalation {made.id}0 0 0:slack:a", run_id=run.id)
    await stores.notices.add([others])
    assert await stores.escalations.move(made, made.tell(POLICY, clock.now()), told)
    seen: list[str] = []

    def in_their_place(done: Escalation, _: Case, notices: Sequence[Notice]) -> Sequence[Notice]:
        seen.extend(one.id for one in notices)
        return [one.changed(done.acknowledged_by, clock.now()) for one in notices]

    for _ in range(2):
        await stores.escalations.acknowledge("acme", made.id, "person:ada", following=in_their_place)
    assert seen == [one.id for one in told]
    changed = await stores.notices.get("acme", f"{told[1].id} changed")
    assert (changed.follows, changed.body) == (told[1].id, "person:ada")


async def test_the_first_to_look_is_noted_once(stores: Stores, clock: ManualClock, nouns: Nouns) -> None:
    run = await asked(stores, nouns)
    made = await begun(stores, clock, Occasion.APPROVAL_UNANSWERED)
    clock.move(90)
    done = await stores.escalations.acknowledge("acme", made.id, "person:ada")
    assert (done.ended, done.acknowledged_by, done.acknowledged_at) == (
        Conclusion.ACKNOWLEDGED,
        "person:ada",
        clock.now(),
    )
    clock.move(5)
    assert await stores.escalations.acknowledge("acme", made.id, "person:bob") == done
    (entry,) = [one for one in await stores.audit.list("acme") if one.action == "escalation.acknowledged"]
    assert (entry.actor, entry.run_id, entry.detail["policy"]) == ("person:ada", run.id, "nights")
    (line,) = await stores.journal.events("acme", run.id)
    assert line.content.startswith("person:ada is looking")
    assert not await stores.escalations.move(made, made.tell(POLICY, clock.now()), [nouns.notice()])
    (question,) = await stores.approvals.pending("acme")
    assert question.decided_by == "", "it is no answer"
    with pytest.raises(NotFound):
        await stores.escalations.acknowledge("other", made.id, "person:eve")


async def test_what_ended_otherwise_cannot_be_acknowledged(stores: Stores, clock: ManualClock, nouns: Nouns) -> None:
    await asked(stores, nouns)
    made = await begun(stores, clock, Occasion.APPROVAL_UNANSWERED)
    await stores.escalations.move(made, made.end(Conclusion.ANSWERED, clock.now()))
    with pytest.raises(IllegalMove):
        await stores.escalations.acknowledge("acme", made.id, "person:ada")


async def test_a_ticket_that_is_handed_back_begins_anew(stores: Stores, clock: ManualClock, nouns: Nouns) -> None:
    problem = await ticket(stores, nouns)
    made = await begun(stores, clock, Occasion.TICKET_OPEN)
    await stores.tickets.take("acme", problem.id, taken_by="person:ada", by="person:ada")
    ((_, case),) = await stores.escalations.open(10)
    assert case.over(clock.now()) is Conclusion.TAKEN
    await stores.escalations.move(made, made.end(Conclusion.TAKEN, clock.now()))
    clock.move(100)
    await stores.tickets.take("acme", problem.id, taken_by="", by="person:ada")
    again = await begun(stores, clock, Occasion.TICKET_OPEN)
    assert (again.id, again.number, again.since) == ("e2", 2, clock.now())
    await stores.escalations.acknowledge("acme", again.id, "person:ada")
    assert await cases(stores, Occasion.TICKET_OPEN) == [], "somebody looks"


async def test_old_ended_ones_are_forgotten_but_where_the_ticket_is_open(
    stores: Stores, clock: ManualClock, nouns: Nouns
) -> None:
    problem = await ticket(stores, nouns)
    await failed(stores, nouns)
    for occasion, name in ((Occasion.TICKET_OPEN, "of-ticket"), (Occasion.RUN_FAILED, "of-run")):
        (one,) = await stores.escalations.waiting(occasion, 10)
        made = begin(one.case, POLICY, identifier=name, number=1, now=clock.now())
        await stores.escalations.begin([made.end(Conclusion.EXHAUSTED, clock.now())])
    clock.move(FORGET_S - 1)
    await stores.housekeeping.expire()
    assert len((await stores.escalations.list("acme")).items) == 2
    clock.move(1)
    await stores.housekeeping.expire()
    assert [one.id for one in (await stores.escalations.list("acme")).items] == ["of-ticket"]
    closed = replace(await stores.tickets.get("acme", problem.id), status=TicketStatus.CLOSED, closed_at=clock.now())
    await stores.tickets.save(closed, ())
    await stores.housekeeping.expire()
    assert (await stores.escalations.list("acme")).items == ()
