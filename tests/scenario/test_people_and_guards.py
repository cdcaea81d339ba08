"""What people may ask of the loop: several approvers, four eyes, a freeze, taking over; and a runbook's own guard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from house import HEALS, PERSON, RUNBOOK, TENANT, House
from local_shell import eventually
from opsagent.domain.approval import ApprovalStatus
from opsagent.domain.freeze import Freeze
from opsagent.domain.identity import Principal, PrincipalKind, Role
from opsagent.domain.run import Node, RunStatus, Verified
from opsagent.domain.step import StepStatus
from opsagent.errors import Forbidden

BOB = Principal(id="person:bob", tenant=TENANT, role=Role.APPROVER, kind=PrincipalKind.PERSON)
EVE = Principal(id="person:eve", tenant=TENANT, role=Role.APPROVER, kind=PrincipalKind.PERSON)
TWO = "rules: [{id: two-for-prod, decide: ASK, when: {effect: true}, persons: 2, four_eyes: true}]\n"
GUARDED = RUNBOOK.replace("alerts: [ShopDown]", "alerts: [ShopDown]\nguard:\n  run: test ! -e {{connection.worse}}")


async def pending(house: House):
    (one,) = await house.app.stores.approvals.pending(TENANT)
    return one


@pytest.fixture
async def careful(make_house, tmp_path) -> House:
    policy = tmp_path / "policy.yaml"
    policy.write_text(TWO)
    house: House = await make_house(user_policy_file=policy)
    return house


async def test_two_people_are_needed_and_none_of_them_started_it(careful: House) -> None:
    run = await careful.drive(await careful.ask())
    question = await pending(careful)
    assert (question.persons, question.four_eyes, question.started_by) == (2, True, PERSON.id)
    with pytest.raises(Forbidden, match="somebody else"):
        await careful.app.agent.decide(PERSON, question.id, grant=True)
    for _ in range(2):  # twice the same person is one person
        counted = await careful.app.agent.decide(BOB, question.id, grant=True, notes="fine")
        assert (counted.status, counted.missing) == (ApprovalStatus.PENDING, 1)
    assert not careful.world.healthy.exists()
    granted = await careful.app.agent.decide(EVE, question.id, grant=True)
    assert granted.status is ApprovalStatus.GRANTED
    run = await careful.drive(run)
    assert run.status is RunStatus.COMPLETED
    assert careful.world.healthy.exists()
    actions = [(e.action, e.actor) for e in await careful.app.stores.audit.list(TENANT) if "approval." in e.action]
    assert actions[-2:] == [("approval.counted", BOB.id), ("approval.granted", EVE.id)]


async def test_one_no_is_enough_and_the_one_who_asked_may_say_it(careful: House) -> None:
    run = await careful.drive(await careful.ask())
    question = await pending(careful)
    await careful.app.agent.decide(BOB, question.id, grant=True)
    await careful.app.agent.decide(PERSON, question.id, grant=False, notes="changed my mind")
    run = await careful.drive(run)
    assert run.status is RunStatus.FAILED
    assert not careful.world.healthy.exists()


async def test_earlier_answers_to_the_same_step_are_shown(make_house) -> None:
    house: House = await make_house()
    first = await house.drive(await house.ask())
    await house.approve(first)
    house.world.healthy.unlink()
    await house.drive(await house.ask())
    (asked,) = (await house.app.agent.waiting(PERSON.tenant)).questions
    (earlier,) = asked.alike
    assert (earlier.run_id, earlier.decided_by, earlier.notes) == (first.id, PERSON.id, "seen")


async def freeze(house: House, *, seconds: float = 600) -> None:
    now = house.app.clock.now()
    night = Freeze(id="z1", tenant=TENANT, starts_at=now, ends_at=now + seconds, reason="release night", by=PERSON.id)
    await house.app.agent.freeze(PERSON, replace(night, connections=("shop",)))


async def test_an_approved_effect_waits_for_the_end_of_a_freeze(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.ask())
    await freeze(house)
    run = await house.approve(run)
    for _ in range(2):
        assert (run.status, run.next_node) == (RunStatus.IN_PROGRESS, Node.GUARD)
        assert "release night" in run.waiting
        assert run.due_at is not None
        assert run.due_at <= house.app.clock.now() + 61, "somebody may lift it"
        assert not house.world.healthy.exists()
        run = await house.drive(run)
    await house.app.agent.lift(PERSON, "z1")
    run = await house.drive(run)
    assert (run.status, house.world.healthy.exists()) == (RunStatus.COMPLETED, True)
    timeline = await house.timeline(run)
    assert (timeline.count("Approved by"), timeline.count("release night")) == (1, 1)
    assert len(await house.app.stores.approvals.of_run(TENANT, run.id)) == 1, "asked once"


async def test_an_approval_that_ends_in_a_freeze_is_asked_for_again_after_it(make_house) -> None:
    house: House = await make_house()
    kit = house.app.worker.kit
    house.app.worker.kit = replace(kit, ask=replace(kit.ask, expiry_s=1))
    run = await house.drive(await house.ask())
    await freeze(house)
    run = await house.approve(run)
    (first,) = await house.app.stores.approvals.of_run(TENANT, run.id)
    await eventually(lambda: house.app.clock.now() >= first.expires_at)
    run = await house.drive(run)
    assert "release night" in run.waiting
    assert not await house.app.stores.approvals.pending(TENANT), "a question in a freeze would end unanswered too"
    house.app.worker.kit = kit
    await house.app.agent.lift(PERSON, "z1")
    run = await house.drive(run)
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert not house.world.healthy.exists()
    run = await house.approve(run)
    assert (run.status, house.world.healthy.exists()) == (RunStatus.COMPLETED, True)
    assert "expired while its effect had to wait" in await house.timeline(run)


async def test_nothing_is_asked_before_a_freeze_ends_and_it_can_be_cancelled(make_house) -> None:
    house: House = await make_house()
    await freeze(house)
    run = await house.drive(await house.ask())
    assert "release night" in run.waiting
    assert not await house.app.stores.approvals.pending(TENANT)
    await house.app.agent.cancel(PERSON, run.id)
    run = await house.drive(run)
    assert run.status is RunStatus.CANCELLED


async def test_what_has_become_healthy_in_a_freeze_waits_for_nothing(make_house) -> None:
    house: House = await make_house()
    await freeze(house)
    run = await house.drive(await house.alert())
    assert "release night" in run.waiting
    house.world.healthy.touch()
    run = await house.drive(run)
    assert (run.status, run.verified, run.had_effect) == (RunStatus.COMPLETED, Verified.YES, False)


async def test_a_no_in_a_freeze_is_a_no(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.ask())
    await freeze(house)
    run = await house.approve(run, grant=False)
    assert run.status is RunStatus.FAILED
    assert "refused" in run.error


async def test_a_freeze_of_another_target_stops_nothing(make_house) -> None:
    house: House = await make_house()
    now = house.app.clock.now()
    freeze = Freeze(id="z1", tenant=TENANT, starts_at=now, ends_at=now + 600, reason="x", by="p", connections=("db",))
    await house.app.agent.freeze(PERSON, freeze)
    run = await house.approve(await house.drive(await house.ask()))
    assert run.status is RunStatus.COMPLETED


async def test_a_person_takes_a_ticket_over_and_hands_it_back(make_house) -> None:
    house: House = await make_house()
    await house.app.agent.switch(PERSON, "acting", on=True)
    run = await house.drive(await house.alert())
    ticket = await house.app.agent.take_over(BOB, run.ticket_id)
    assert ticket.taken_by == BOB.id
    run = await house.approve(run)  # somebody answers all the same: the agent stays parked
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert BOB.id in run.waiting
    assert not house.world.healthy.exists()
    await house.app.agent.take_over(BOB, run.ticket_id, back=True)
    run = await house.drive(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES)


async def test_a_question_goes_when_the_condition_has_gone(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    assert run.due_at is not None
    assert run.due_at <= house.app.clock.now() + 61  # a worker looks by itself, long before the question ends
    house.world.healthy.touch()
    run = await house.drive(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES)
    (question,) = await house.app.stores.approvals.of_run(TENANT, run.id)
    assert question.status is ApprovalStatus.WITHDRAWN


@pytest.fixture
async def guarded(make_house) -> House:
    house: House = await make_house()
    connection = house.world.connection(worse=str(house.world.folder / "worse"))
    await house.app.stores.connections.put(connection, PERSON.id)
    return house


async def test_a_guard_that_does_not_hold_lets_nothing_begin(guarded: House) -> None:
    await guarded.add_runbook(GUARDED % {"fix": HEALS})
    (guarded.world.folder / "worse").touch()
    run = await guarded.drive(await guarded.ask())
    run = await guarded.approve(run)
    assert run.status is RunStatus.FAILED
    assert "guard" in run.error
    assert not guarded.world.healthy.exists()


async def test_a_fix_that_breaks_the_guard_is_stopped_and_taken_back(guarded: House) -> None:
    worse = guarded.world.folder / "worse"
    text = GUARDED.replace("name=count", f'name=count undo="rm -f {worse}"')
    text = text.replace("## Verify", "```shell name=next\ntouch {{connection.counter}}\n```\n\n## Verify")
    await guarded.add_runbook(text % {"fix": f"touch {worse}; {HEALS}"})
    run = await guarded.approve(await guarded.drive(await guarded.ask()))
    assert run.status is RunStatus.FAILED
    assert "guard" in run.error
    assert not worse.exists()
    steps = await guarded.steps(run)
    assert steps["count"].status is StepStatus.UNDONE
    assert "next" not in steps
    assert not guarded.world.counter.exists()
