"""What must hold for an effect to start, and what a save writes, over every backend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.approval import ApprovalStatus
from opsagent.domain.run import Run, RunResult, RunStatus
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalMismatch,
    ApprovalUsed,
    Disabled,
    IllegalMove,
    OpsAgentError,
    TargetBusy,
)
from opsagent.ports.stores import Change, EffectClaim, Lease, Stores
from opsagent.ports.tickets import Measurement
from store_nouns import Nouns


class Working:
    """A run in progress, held by one worker."""

    def __init__(self, stores: Stores, nouns: Nouns, lease: Lease, run: Run) -> None:
        self.stores, self.nouns, self.lease, self.run = stores, nouns, lease, run

    @classmethod
    async def start(cls, stores: Stores, nouns: Nouns) -> Working:
        made = await stores.runs.create(nouns.run())
        claimed = await stores.runs.claim(made.tenant, made.id, "w1", 3600)
        assert claimed is not None
        lease, run = claimed
        return cls(stores, nouns, lease, await stores.runs.save(lease, Change(run=run.begin(nouns.clock.now()))))

    async def save(self, **change: object) -> Run:
        self.run = await self.stores.runs.save(self.lease, Change(run=self.run, **change))  # type: ignore[arg-type] # checked by Change
        return self.run

    async def effect(self, number: int = 1, **claim: object) -> Step:
        step = self.nouns.claimed(self.run, number)
        await self.save(steps=[step], claim=self.nouns.claim(step, **claim))
        return step

    async def refused(self, kind: type[OpsAgentError], number: int = 1, **claim: object) -> OpsAgentError:
        """The effect does not start, and nothing of its change is stored."""
        before = await self.everything()
        with pytest.raises(kind) as caught:
            await self.effect(number, **claim)
        assert caught.value.fix
        assert await self.everything() == before
        return caught.value

    async def everything(self) -> object:
        tenant, run = self.run.tenant, self.run.id
        return (
            await self.stores.runs.get(tenant, run),
            await self.stores.journal.steps(tenant, run),
            await self.stores.approvals.of_run(tenant, run),
            await self.stores.audit.list(tenant),
        )

    async def granted(self, number: int = 1) -> str:
        question = self.nouns.approval(self.nouns.step(self.run, number))
        await self.save(approvals=[question])
        await self.stores.approvals.decide("acme", question.id, grant=True, by="person:ada", notes="ok")
        return question.id


@pytest.fixture
async def working(stores: Stores, nouns: Nouns) -> Working:
    return await Working.start(stores, nouns)


async def test_a_change_is_stored_whole(working: Working, stores: Stores, nouns: Nouns) -> None:
    step = nouns.claimed(working.run)
    question = nouns.approval(step)
    notice = nouns.notice(run_id=working.run.id)
    measured = Measurement(tenant="acme", fingerprint="f1", healthy=True, at=nouns.clock.now(), text="answers 200")
    await working.save(
        steps=[step],
        approvals=[question],
        audit=[nouns.entry("step.claimed", run_id=working.run.id, detail={"why": "disk"})],
        notices=[notice],
        events=[nouns.event(working.run, "one"), nouns.event(working.run, "two")],
        measured=measured,
    )
    run = working.run
    assert await stores.journal.steps("acme", run.id) == [step]
    assert await stores.approvals.of_run("acme", run.id) == [question]
    assert [(event.sequence, event.content) for event in await stores.journal.events("acme", run.id)] == [
        (1, "one"),
        (2, "two"),
    ]
    assert (await stores.notices.list("acme")).items == (notice,)
    assert [entry.action for entry in await stores.audit.list("acme")] == ["step.claimed"]
    assert await stores.tickets.last_measurement("acme", "f1") == measured


async def test_an_older_measurement_does_not_hide_a_newer(working: Working, stores: Stores) -> None:
    for at, healthy in ((10.0, False), (20.0, True), (15.0, False)):
        measured = Measurement(tenant="acme", fingerprint="f1", healthy=healthy, at=at, text="")
        await working.save(measured=measured)
    found = await stores.tickets.last_measurement("acme", "f1")
    assert found is not None
    assert (found.at, found.healthy) == (20.0, True)


async def test_steps_are_overwritten_by_number(working: Working, stores: Stores, nouns: Nouns) -> None:
    later, step = nouns.step(working.run, 2), nouns.step(working.run, 1)
    await working.save(steps=[later, step])
    moved = step.move(StepStatus.SKIPPED, nouns.clock.now())
    await working.save(steps=[moved])
    assert await stores.journal.steps("acme", working.run.id) == [moved, later]


async def test_an_approval_carries_one_effect(working: Working, stores: Stores) -> None:
    approval = await working.granted()
    await working.effect(approval_id=approval)
    assert (await stores.approvals.get("acme", approval)).used_at is not None
    await working.save(release_target=f"{working.run.id}.1")
    await working.refused(ApprovalUsed, approval_id=approval)


async def test_an_approval_is_for_one_digest(working: Working) -> None:
    approval = await working.granted()
    await working.refused(ApprovalMismatch, 2, approval_id=approval)
    await working.refused(ApprovalMismatch, approval_id="nothing")


async def test_an_approval_ends(working: Working, clock: ManualClock) -> None:
    approval = await working.granted()
    clock.move(3600)
    await working.refused(ApprovalExpired, approval_id=approval)


async def test_an_unanswered_question_carries_nothing(working: Working, nouns: Nouns) -> None:
    question = nouns.approval(nouns.step(working.run))
    await working.save(approvals=[question])
    await working.refused(ApprovalDecided, approval_id=question.id)


async def test_one_effect_at_a_time_per_target(working: Working, stores: Stores, nouns: Nouns) -> None:
    step = await working.effect()
    other = await Working.start(stores, nouns)
    refusal = await other.refused(TargetBusy)
    assert refusal.extra == {"heldBy": step.id}, "nobody knows when it ends"
    await other.effect(target="host:web-2")
    await working.save(release_target=step.id)
    await other.effect(2)


@pytest.mark.parametrize("status", [StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.NOT_HAPPENED])
async def test_a_finished_step_holds_nothing(
    working: Working, stores: Stores, nouns: Nouns, status: StepStatus
) -> None:
    step = await working.effect()
    other = await Working.start(stores, nouns)
    await working.save(steps=[step.move(status, nouns.clock.now())])
    await other.effect()


async def test_an_unknown_step_holds_its_target_until_a_person_speaks(
    working: Working, stores: Stores, nouns: Nouns
) -> None:
    step = await working.effect()
    await working.save(steps=[step.move(StepStatus.UNKNOWN, nouns.clock.now())])
    other = await Working.start(stores, nouns)
    await other.refused(TargetBusy)
    await stores.control.resolve_step("acme", working.run.id, step.id, answer="happened", by="person:ada")
    await other.effect()


async def test_a_step_can_end_and_the_next_begin_in_one_change(working: Working, nouns: Nouns) -> None:
    step = await working.effect()
    done = step.move(StepStatus.SUCCEEDED, nouns.clock.now())
    following = nouns.claimed(working.run, 2)
    await working.save(steps=[done, following], claim=nouns.claim(following))


async def test_a_target_cools_down_from_the_end_of_an_effect(
    working: Working, stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    step = await working.effect()
    clock.move(50)
    await working.save(release_target=step.id)
    other = await Working.start(stores, nouns)
    clock.move(20)
    refusal = await other.refused(TargetBusy, cooldown_s=60.0)
    assert refusal.extra["retryAfter"] == 40
    await other.effect(2, cooldown_s=60.0, target="host:web-2")
    clock.move(40)
    await other.effect(3, cooldown_s=60.0)


async def test_a_target_has_a_cap_per_hour(working: Working, nouns: Nouns, clock: ManualClock) -> None:
    for number in (1, 2):
        step = await working.effect(number, per_hour=2)
        await working.save(release_target=step.id)
        clock.move(60)
    refusal = await working.refused(TargetBusy, 3, per_hour=2)
    assert refusal.extra["retryAfter"] == 3600 - 120
    clock.move(3600 - 120)
    await working.effect(3, per_hour=2)


async def test_pause_stops_effects_of_the_tenant_or_all(working: Working, stores: Stores) -> None:
    await stores.control.set_switch("other", "paused", value=True, by="person:ada")
    await working.effect()
    for tenant in ("acme", "*"):
        await stores.control.set_switch(tenant, "paused", value=True, by="person:ada")
        await working.refused(Disabled, 2, target="host:web-2")
        await stores.control.set_switch(tenant, "paused", value=False, by="person:ada")
    await working.effect(2, target="host:web-2")


async def test_cancel_stops_effects_and_no_save_forgets_it(working: Working, stores: Stores) -> None:
    await stores.control.request_cancel("acme", working.run.id, "person:ada")
    await working.save()
    assert await stores.control.cancel_requested("acme", working.run.id)
    await working.refused(Disabled)


async def test_an_attempt_is_claimed_once(working: Working) -> None:
    step = await working.effect()
    await working.save(release_target=step.id)
    await working.refused(IllegalMove)


async def test_a_claim_comes_with_its_step(working: Working, nouns: Nouns) -> None:
    step = nouns.claimed(working.run)
    for steps in ([], [replace(step, digest="another")], [nouns.step(working.run)], [replace(step, attempt=2)]):
        with pytest.raises(IllegalMove):
            await working.save(steps=steps, claim=nouns.claim(step))
    stranger = EffectClaim(step_id="s", attempt=1, target="t", digest="d")
    with pytest.raises(IllegalMove):
        await working.save(claim=stranger)


async def test_an_ended_run_asks_nothing_any_more(working: Working, stores: Stores, nouns: Nouns) -> None:
    question = nouns.approval(nouns.step(working.run))
    await working.save(approvals=[question])
    working.run = working.run.end(RunStatus.CANCELLED, nouns.clock.now(), result=RunResult(summary="Stopped."))
    await working.save()
    assert await stores.approvals.pending("acme") == []
    assert (await stores.approvals.get("acme", question.id)).status is ApprovalStatus.WITHDRAWN


async def test_a_person_outdoes_a_worker_who_still_believes_otherwise(
    working: Working, stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    step = await working.effect()
    unknown = step.move(StepStatus.UNKNOWN, clock.now())
    question = nouns.approval(nouns.step(working.run, 2))
    await working.save(steps=[unknown], approvals=[question])
    await stores.control.resolve_step("acme", working.run.id, step.id, answer="aborted", by="person:ada")
    await stores.approvals.decide("acme", question.id, grant=False, by="person:ada", notes="no")
    working.run = working.run.park(clock.now(), until=clock.now() + 600)
    await working.save(steps=[unknown], approvals=[replace(question, status=ApprovalStatus.EXPIRED)])
    assert (await stores.journal.steps("acme", working.run.id))[0].status is StepStatus.ABORTED
    assert (await stores.approvals.get("acme", question.id)).status is ApprovalStatus.REFUSED
    await stores.runs.release(working.lease)
    assert [one.run_id for one in await stores.runs.due(10)] == [working.run.id]  # not only in 600 s


async def test_a_ticket_is_saved_if_nobody_changed_it(
    working: Working, stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    joined = (await stores.tickets.receive([nouns.arrival()]))[0].ticket
    await stores.tickets.receive([nouns.arrival()])  # a signal is no change of anybody's
    await working.save(ticket=replace(joined, reason="looking"))
    stored = await stores.tickets.get("acme", joined.id)
    assert (stored.reason, stored.signals, stored.version) == ("looking", 2, 2)
    with pytest.raises(IllegalMove):
        await working.save(ticket=replace(joined, reason="late"), audit=[nouns.entry()])
    assert await stores.audit.list("acme") == []
