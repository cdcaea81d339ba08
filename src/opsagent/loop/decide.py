"""Decide: may the next command run? Judge it, ask people, use their answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.connection import Connection
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.freeze import Freeze
from opsagent.domain.manifest import Decision, Proof, Verdict
from opsagent.domain.run import Node, RunStatus, Source, Verified
from opsagent.domain.runbook import Check, Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import InputError, NotFound
from opsagent.loop.drive import Drive
from opsagent.loop.holding import end, frozen, spent, taken_over, wait_for_thaw
from opsagent.loop.looking import guard_reading, judged, measure

_CHANGED = "The effect changed after it was asked about; it is asked again."
_TOO_LATE = "The approval expired while its effect had to wait; it is asked again."


async def guard(drive: Drive) -> None:  # noqa: PLR0911 - one return per answer
    """Judge the current step as it would run now; allow, ask, refuse, or use the answer that has come."""
    if await drive.cancelled():
        await end(drive, RunStatus.CANCELLED, "A person cancelled it.")
        return
    step = drive.current()
    try:
        connection = await drive.target_of(step)
    except NotFound as error:
        await end(drive, RunStatus.FAILED, error.message)
        return
    try:
        fresh = await judged(drive, await _rendered(drive, step, connection), connection)
    except InputError as error:
        asked = await drive.kit.stores.approvals.of_run(drive.run.tenant, drive.run.id)
        await refuse(drive, step, error.message, approvals=[gone for one in asked for gone in _withdrawn(one)])
        return
    if step.approval_id:
        await _answered(drive, step, fresh, connection)
        return
    verdict = _verdict(fresh)
    if verdict.decision is Decision.DENY:
        await refuse(drive, fresh, f"Denied by rule {verdict.rule}: {verdict.reason}")
        return
    if await _beyond_looking(drive, fresh) or await _held_back(drive, fresh, connection):
        return
    if verdict.decision is Decision.ALLOW:
        if not fresh.is_read and (await _healed(drive, fresh) or await _guarded(drive, fresh)):
            return
        drive.passed = fresh.token
        await drive.save(
            drive.go(Node.TOOLS),
            steps=(fresh,),
            events=(_verdict_event(drive, fresh),),
            audit=(drive.audit("step.allowed", fresh, rule=verdict.rule),),
        )
        return
    await _ask(drive, fresh, connection)


async def refuse(
    drive: Drive, step: Step, reason: str, *, approvals: Sequence[Approval] = (), answered: Sequence[Approval] = ()
) -> None:
    """The step is not run; what that means for the run is decided in revise."""
    refused = step.move(StepStatus.REFUSED, drive.kit.clock.now())
    await drive.save(
        drive.go(Node.REVISE, reason=reason),
        steps=(refused,),
        approvals=approvals,
        answered=answered,
        events=(drive.event(EventType.APPROVAL, Node.GUARD, reason, step=refused),),
        audit=(drive.audit("step.refused", refused, reason=reason),),
    )


async def _answered(  # noqa: PLR0911 - one return per answer
    drive: Drive, step: Step, fresh: Step, connection: Connection
) -> None:
    approval = await drive.kit.stores.approvals.get(drive.run.tenant, step.approval_id)
    now = drive.kit.clock.now()
    verdict = _verdict(fresh)
    if verdict.decision is Decision.DENY:  # stands above any approval, also one given before
        await refuse(drive, fresh, f"Denied by rule {verdict.rule}: {verdict.reason}", approvals=_withdrawn(approval))
        return
    if await _taken(drive, fresh, connection):
        return
    if approval.status is ApprovalStatus.REFUSED:
        said = f"{approval.decided_by} refused it" + (f": {approval.notes}" if approval.notes else ".")
        await refuse(drive, step, said, answered=(approval,))
        return
    if approval.status is ApprovalStatus.EXPIRED or now >= approval.expires_at:
        await _too_late(drive, fresh, approval, connection)
        return
    stricter = verdict.persons > approval.persons or (verdict.four_eyes and not approval.four_eyes)
    if fresh.digest != approval.digest or stricter:
        await _ask_again(drive, fresh, approval, connection)
        return
    if approval.status is ApprovalStatus.PENDING:
        if not await _healed(drive, fresh, _withdrawn(approval)):
            await _park(drive, step, approval)
        return
    if approval.status is not ApprovalStatus.GRANTED or approval.used_at is not None:
        await _ask_again(drive, fresh, approval, connection)
        return
    await _use(drive, fresh, approval, connection)


async def _too_late(drive: Drive, step: Step, approval: Approval, connection: Connection) -> None:
    """It ended unanswered, or before the effect could start; where a freeze, a pause or its turn kept it, ask again."""
    granted = approval.status is ApprovalStatus.GRANTED
    if not granted:
        expired = replace(approval, status=ApprovalStatus.EXPIRED)
        await refuse(drive, step, "Nobody answered in time.", approvals=(expired,))
    elif not drive.run.waiting:
        await refuse(drive, step, f"The approval by {approval.decided_by} has expired.")
    elif not await _frozen(drive, step, connection):
        await _ask_again(drive, step, approval, connection, why=_TOO_LATE)


async def _use(drive: Drive, fresh: Step, approval: Approval, connection: Connection) -> None:
    """The answer is a yes to exactly this: go on to the effect, if it is still needed and may start now."""
    if await _healed(drive, fresh) or await _guarded(drive, fresh):
        return
    said = f"Approved by {approval.decided_by}" + (f": {approval.notes}" if approval.notes else ".")
    # Said once, however often the step comes back here from waiting for its target.
    words = () if drive.run.waiting else (drive.event(EventType.APPROVAL, Node.GUARD, said, step=fresh),)
    if freeze := await _freeze_on(drive, fresh, connection):
        await wait_for_thaw(drive, freeze, connection, said=words, answered=(approval,))
        return
    drive.passed = fresh.token
    await drive.save(drive.go(Node.TOOLS), steps=(fresh,), events=words, answered=(approval,))


async def _ask(
    drive: Drive, step: Step, connection: Connection, *, again: str = "", withdrawn: Sequence[Approval] = ()
) -> None:
    runbook = await drive.runbook()
    title = runbook.title if runbook else drive.run.task
    waiting, approval = drive.kit.ask(drive.run, step, connection, title=title)
    verdict = _verdict(step)
    now = drive.kit.clock.now()
    events = [_verdict_event(drive, waiting)]
    if again:
        events.append(drive.event(EventType.APPROVAL, Node.GUARD, again, step=waiting))
    events.append(drive.event(EventType.APPROVAL, Node.GUARD, f"Waiting for a person: {verdict.reason}", step=waiting))
    await drive.save(
        drive.go(Node.GUARD, waiting="").park(now, until=await _look_again(drive, waiting, approval)),
        steps=(waiting,),
        approvals=(*withdrawn, approval),
        events=events,
        audit=(drive.audit("approval.requested", waiting, approval=approval.id, rule=verdict.rule),),
    )
    drive.parked = True


async def _ask_again(
    drive: Drive, fresh: Step, approval: Approval, connection: Connection, *, why: str = _CHANGED
) -> None:
    """The answer no longer holds: it is a new attempt, judged and asked anew."""
    gone = _withdrawn(approval)
    anew = await judged(drive, replace(fresh, approval_id="", attempt=fresh.attempt + 1), connection)
    verdict = _verdict(anew)
    if verdict.decision is Decision.DENY:
        await refuse(drive, anew, f"Denied by rule {verdict.rule}: {verdict.reason}", approvals=gone)
        return
    await _ask(drive, anew, connection, again=why, withdrawn=gone)


async def _rendered(drive: Drive, step: Step, connection: Connection) -> Step:
    """The step as it reads now: rendered anew when its target was registered anew. InputError."""
    if step.command.connection_version == connection.version:
        return step
    template = await drive.template(step.name)
    if template is None:
        return replace(step, command=replace(step.command, connection_version=connection.version))
    anew = drive.kit.propose(drive.run, template, connection, drive.steps, await drive.values(connection))
    return replace(step, command=anew.command, probe=anew.probe, probe_expect=anew.probe_expect)


async def _park(drive: Drive, step: Step, approval: Approval) -> None:
    now = drive.kit.clock.now()
    run = drive.run.begin(now).park(now, until=await _look_again(drive, step, approval))
    await drive.save(run)
    drive.parked = True


async def _look_again(drive: Drive, step: Step, approval: Approval) -> float:
    """When a worker looks by itself: at the question's end, or sooner where it can measure that nobody need answer."""
    if await _condition(drive, step) is None:
        return approval.expires_at
    return min(approval.expires_at, drive.kit.clock.now() + drive.kit.limits.recheck_s)


async def _condition(drive: Drive, step: Step) -> Check | None:
    runbook = await drive.runbook()
    return runbook.measure_for(drive.run.alert) if runbook and step.phase is Phase.MITIGATION else None


async def _held_back(drive: Drive, step: Step, connection: Connection) -> bool:
    """Whether this goes no further: a person has the ticket, it did enough, it is only suggested, or there is a freeze.

    What the run may do at most is counted before anybody is asked.
    """
    if await _taken(drive, step, connection):
        return True
    if not (step.is_read or connection.is_scratch) and (said := spent(drive)):
        await refuse(drive, step, said)
        return True
    if _verdict(step).decision is Decision.ASK and await _only_suggesting(drive):
        await _suggest(drive, step, "this installation observes")
        return True
    return await _frozen(drive, step, connection)


async def _taken(drive: Drive, step: Step, connection: Connection) -> bool:
    """An effect waits while a person has the ticket."""
    return not (step.is_read or connection.is_scratch) and await taken_over(drive, Node.GUARD)


async def _frozen(drive: Drive, step: Step, connection: Connection) -> bool:
    """An effect and its question wait for the end of a freeze; what has become healthy meanwhile needs neither."""
    freeze = await _freeze_on(drive, step, connection)
    if freeze is None:
        return False
    if not await _healed(drive, step):
        await wait_for_thaw(drive, freeze, connection)
    return True


async def _freeze_on(drive: Drive, step: Step, connection: Connection) -> Freeze | None:
    return None if step.is_read or connection.is_scratch else await frozen(drive, connection)


async def _guarded(drive: Drive, step: Step) -> bool:
    """The runbook's guard must hold before an effect; where it does not, or cannot be measured, nothing is done."""
    if step.phase is not Phase.MITIGATION:
        return False
    reading = await guard_reading(drive, Phase.TRIAGE)
    if reading is None or reading.healthy:
        return False
    await refuse(drive, step, f"The runbook's guard does not hold, so it is not run. {reading.text}")
    return True


async def _healed(drive: Drive, step: Step, withdrawn: Sequence[Approval] = ()) -> bool:
    """Measure the opening condition once more before an effect; healthy means there is nothing left to do."""
    check = await _condition(drive, step)
    if check is None or await drive.repointed():
        return False
    reading = await measure(drive, check, phase=Phase.TRIAGE)
    if not reading.healthy:
        return False
    now = drive.kit.clock.now()
    skipped = replace(step.move(StepStatus.SKIPPED, now), why="healthy before it was needed")
    word = f"Not run: the condition has gone. {reading.text}"
    verified = None if drive.run.had_effect else Verified.YES
    await drive.save(
        drive.go(drive.after_effects(), reason=word, verified=verified),
        steps=(skipped,),
        approvals=withdrawn,
        events=(drive.event(EventType.APPROVAL, Node.GUARD, word, step=skipped),),
        audit=(drive.audit("step.not_needed", skipped),),
    )
    return True


async def _only_suggesting(drive: Drive) -> bool:
    """A new installation observes: what nobody asked for ends as a suggestion, until somebody switches to acting."""
    if drive.run.source is not Source.TICKET:
        return False
    return not (await drive.kit.stores.control.switches(drive.run.tenant))["acting"]


async def _beyond_looking(drive: Drive, step: Step) -> bool:
    """A run that may only look executes proven reads; what else it comes to is said, and nobody is asked for it."""
    verdict = _verdict(step)
    proven = verdict.decision is Decision.ALLOW and verdict.manifest.proof is Proof.READ
    if not drive.run.only_looks or proven:
        return False
    if step.phase is Phase.MITIGATION:
        await _suggest(drive, step, "this run may only look")
    else:
        await refuse(drive, step, f"This run may only look, and this is no proven read: {verdict.reason}")
    return True


async def _suggest(drive: Drive, step: Step, because: str) -> None:
    skipped = replace(step.move(StepStatus.SKIPPED, drive.kit.clock.now()), why=f"{because}: suggested, not run")
    reason = f"Suggested, not run ({because}): {step.command.text}"
    await drive.save(
        drive.go(drive.after_effects(), reason=reason),
        steps=(skipped,),
        events=(drive.event(EventType.APPROVAL, Node.GUARD, reason, step=skipped),),
        audit=(drive.audit("step.suggested", skipped),),
    )


def _withdrawn(approval: Approval) -> tuple[Approval, ...]:
    pending = approval.status is ApprovalStatus.PENDING
    return (replace(approval, status=ApprovalStatus.WITHDRAWN),) if pending else ()


def _verdict(step: Step) -> Verdict:
    if step.verdict is None:
        raise ValueError("the step was not judged")
    return step.verdict


def _verdict_event(drive: Drive, step: Step) -> RunEvent:
    verdict = _verdict(step)
    return drive.event(
        EventType.TOOL_CALL,
        Node.GUARD,
        f"{verdict.decision.value} by rule {verdict.rule}: {verdict.reason}",
        step=step,
        metadata={"verdict": verdict.decision.value, "rule": verdict.rule, "digest": step.digest},
    )
