"""Decide: what is the next command, and may it run?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.manifest import Decision, Verdict
from opsagent.domain.run import Node, Run, RunStatus, Source, Verified
from opsagent.domain.runbook import Check, Phase, RunbookStep
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import InputError, NotFound
from opsagent.loop.drive import Drive
from opsagent.loop.looking import guard_reading, judged, measure
from opsagent.loop.orient import spend
from opsagent.ports.reasoner import Done, Proposal, Skip


async def generate(drive: Drive) -> None:  # noqa: PLR0911 - one return per answer
    """Ask the reasoner for the next move, and render it."""
    if await drive.cancelled():
        await _end(drive, RunStatus.CANCELLED, "A person cancelled it.")
        return
    if await taken_over(drive, Node.GENERATE):
        return
    now = drive.kit.clock.now()
    run = replace(drive.run.begin(now), generate_starts=drive.run.generate_starts + 1)
    limits = drive.kit.limits
    if run.generate_starts > limits.generate_starts:
        await _end(drive, RunStatus.FAILED, f"It reached its limit of {limits.generate_starts} proposals.")
        return
    if run.active_for(now) > limits.active_s:
        await _end(drive, RunStatus.FAILED, f"It reached its limit of {limits.active_s:.0f} s of work.")
        return
    drive.run = run
    skipped: list[Step] = []
    while True:
        situation = replace(await drive.situation(), steps=(*drive.steps, *skipped))
        move, usage = await drive.kit.reasoner.propose(situation)
        drive.run = spend(drive.run, usage)
        if not isinstance(move, Skip):
            break
        skipped.append(_skip(drive, move, skipped))
    events = [drive.event(EventType.EXECUTION, Node.GENERATE, f"Skipped {s.name}: {s.why}", step=s) for s in skipped]
    if isinstance(move, Done):
        status = None if move.ok else RunStatus.FAILED
        ended = drive.go(drive.after_effects(), outcome=status, reason=move.reason)
        word = drive.event(EventType.EXECUTION, Node.GENERATE, move.reason)
        await drive.save(ended, steps=skipped, events=(*events, word))
        return
    if not isinstance(move, Proposal):
        ended = drive.go(drive.after_effects(), outcome=RunStatus.FAILED, reason="The reasoner gave no usable answer.")
        await drive.save(ended, steps=skipped, events=events)
        return
    try:
        connection = await drive.connection(move.step.connection)
        values = await drive.values(connection)
        step = drive.kit.propose(drive.run, move.step, connection, [*drive.steps, *skipped], values)
    except (InputError, NotFound) as error:
        await drive.save(drive.run, steps=skipped, events=events)
        await _end(drive, RunStatus.FAILED, f"{move.step.name}: {error.message}")
        return
    await drive.save(
        drive.go(Node.GUARD, current_step=step.id, waiting=""),
        steps=(*skipped, step),
        events=(*events, drive.event(EventType.EXECUTION, Node.GENERATE, move.why or move.step.why, step=step)),
    )


async def guard(drive: Drive) -> None:  # noqa: PLR0911 - one return per answer
    """Judge the current step as it would run now; allow, ask, refuse, or use the answer that has come."""
    if await drive.cancelled():
        await _end(drive, RunStatus.CANCELLED, "A person cancelled it.")
        return
    step = drive.current()
    try:
        connection = await drive.target_of(step)
    except NotFound as error:
        await _end(drive, RunStatus.FAILED, error.message)
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
    if await _held_back(drive, fresh, connection):
        return
    if verdict.decision is Decision.ALLOW:
        if not fresh.is_read and (await _healed(drive, fresh) or await _guarded(drive, fresh)):
            return
        await drive.save(
            drive.go(Node.TOOLS),
            steps=(fresh,),
            events=(_verdict_event(drive, fresh),),
            audit=(drive.audit("step.allowed", fresh, rule=verdict.rule),),
        )
        return
    if await _only_suggesting(drive):
        await _suggest(drive, fresh)
        return
    await _ask(drive, fresh, connection)


async def refuse(drive: Drive, step: Step, reason: str, *, approvals: Sequence[Approval] = ()) -> None:
    """The step is not run; what that means for the run is decided in revise."""
    refused = step.move(StepStatus.REFUSED, drive.kit.clock.now())
    await drive.save(
        drive.go(Node.REVISE, reason=reason),
        steps=(refused,),
        approvals=approvals,
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
    if await _held_back(drive, fresh, connection, _withdrawn(approval)):
        return
    if approval.status is ApprovalStatus.REFUSED:
        said = f"{approval.decided_by} refused it" + (f": {approval.notes}" if approval.notes else ".")
        await refuse(drive, step, said)
        return
    if approval.status is ApprovalStatus.EXPIRED or now >= approval.expires_at:
        late = approval.status is ApprovalStatus.GRANTED
        expired = () if late else (replace(approval, status=ApprovalStatus.EXPIRED),)
        said = f"The approval by {approval.decided_by} has expired." if late else "Nobody answered in time."
        await refuse(drive, step, said, approvals=expired)
        return
    if fresh.digest != approval.digest:
        await _ask_again(drive, fresh, approval, connection)
        return
    if approval.status is ApprovalStatus.PENDING:
        if not await _healed(drive, fresh, _withdrawn(approval)):
            await _park(drive, step, approval)
        return
    if approval.status is not ApprovalStatus.GRANTED or approval.used_at is not None:
        await _ask_again(drive, fresh, approval, connection)
        return
    if await _healed(drive, fresh) or await _guarded(drive, fresh):
        return
    said = f"Approved by {approval.decided_by}" + (f": {approval.notes}" if approval.notes else ".")
    # Said once, however often the step comes back here from waiting for its target.
    words = () if drive.run.waiting else (drive.event(EventType.APPROVAL, Node.GUARD, said, step=fresh),)
    await drive.save(drive.go(Node.TOOLS), steps=(fresh,), events=words)


async def _ask(
    drive: Drive, step: Step, connection: Connection, *, again: bool = False, withdrawn: Sequence[Approval] = ()
) -> None:
    runbook = await drive.runbook()
    title = runbook.title if runbook else drive.run.task
    waiting, approval = drive.kit.ask(drive.run, step, connection, title=title)
    verdict = _verdict(step)
    now = drive.kit.clock.now()
    events = [_verdict_event(drive, waiting)]
    if again:
        changed = "The effect changed after it was asked about; it is asked again."
        events.append(drive.event(EventType.APPROVAL, Node.GUARD, changed, step=waiting))
    events.append(drive.event(EventType.APPROVAL, Node.GUARD, f"Waiting for a person: {verdict.reason}", step=waiting))
    await drive.save(
        drive.go(Node.GUARD, waiting="").park(now, until=await _look_again(drive, waiting, approval)),
        steps=(waiting,),
        approvals=(*withdrawn, approval),
        events=events,
        audit=(drive.audit("approval.requested", waiting, approval=approval.id, rule=verdict.rule),),
    )
    drive.parked = True


async def _ask_again(drive: Drive, fresh: Step, approval: Approval, connection: Connection) -> None:
    """Something that shapes the effect has changed: it is a new attempt, judged and asked anew."""
    gone = _withdrawn(approval)
    anew = await judged(drive, replace(fresh, approval_id="", attempt=fresh.attempt + 1), connection)
    verdict = _verdict(anew)
    if verdict.decision is Decision.DENY:
        await refuse(drive, anew, f"Denied by rule {verdict.rule}: {verdict.reason}", approvals=gone)
        return
    await _ask(drive, anew, connection, again=True, withdrawn=gone)


async def _rendered(drive: Drive, step: Step, connection: Connection) -> Step:
    """The step as it reads now: rendered anew when its target was registered anew. InputError."""
    if step.command.connection_version == connection.version:
        return step
    template = await _template(drive, step)
    if template is None:
        return replace(step, command=replace(step.command, connection_version=connection.version))
    anew = drive.kit.propose(drive.run, template, connection, drive.steps, await drive.values(connection))
    return replace(step, command=anew.command, probe=anew.probe)


async def _template(drive: Drive, step: Step) -> RunbookStep | None:
    runbook = await drive.runbook()
    return next((one for one in runbook.steps if one.name == step.name), None) if runbook else None


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


async def taken_over(drive: Drive, node: Node) -> bool:
    """Park, without an end, while a person has the ticket; handing it back makes the run due."""
    who = await drive.taken_by()
    if not who:
        return False
    now, said = drive.kit.clock.now(), f"{who} has taken this ticket over; nothing is done until it is handed back."
    words = () if drive.run.waiting == said else (drive.event(EventType.APPROVAL, node, said),)
    await drive.save(replace(drive.go(node), waiting=said).park(now, until=None), events=words)
    drive.parked = True
    return True


async def _held_back(drive: Drive, step: Step, connection: Connection, withdrawn: Sequence[Approval] = ()) -> bool:
    """An effect waits while a person has the ticket, and is refused during a freeze."""
    if step.is_read or connection.is_scratch:
        return False
    now = drive.kit.clock.now()
    for freeze in await drive.kit.stores.control.freezes(drive.run.tenant):
        if freeze.holds(connection, now):
            until = datetime.fromtimestamp(freeze.ends_at, UTC).isoformat(timespec="minutes")
            said = f"Nothing is changed on {connection.name} until {until}: {freeze.reason} (freeze by {freeze.by})."
            await refuse(drive, step, said, approvals=withdrawn)
            return True
    return await taken_over(drive, Node.GUARD)


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


async def _suggest(drive: Drive, step: Step) -> None:
    skipped = replace(step.move(StepStatus.SKIPPED, drive.kit.clock.now()), why="observing: suggested, not run")
    reason = f"Suggested, not run (this installation observes): {step.command.text}"
    await drive.save(
        drive.go(drive.after_effects(), reason=reason),
        steps=(skipped,),
        events=(drive.event(EventType.APPROVAL, Node.GUARD, reason, step=skipped),),
        audit=(drive.audit("step.suggested", skipped),),
    )


def _skip(drive: Drive, move: Skip, skipped: list[Step]) -> Step:
    now = drive.kit.clock.now()
    number = max((step.number for step in (*drive.steps, *skipped)), default=0) + 1
    return Step(
        id=f"{drive.run.id}.{number}",
        run_id=drive.run.id,
        tenant=drive.run.tenant,
        number=number,
        name=move.step.name,
        phase=move.step.phase,
        command=Command(executor=move.step.executor, text=move.step.text, connection_id=""),
        status=StepStatus.SKIPPED,
        why=move.why,
        created_at=now,
        updated_at=now,
    )


async def _end(drive: Drive, status: RunStatus, reason: str) -> None:
    run: Run = drive.go(drive.after_effects(), outcome=status, reason=reason)
    steps = [
        step.move(StepStatus.SKIPPED, drive.kit.clock.now())
        for step in drive.steps
        if step.status in (StepStatus.PROPOSED, StepStatus.AWAITING_APPROVAL)
    ]
    questions = await drive.kit.stores.approvals.of_run(run.tenant, run.id)
    withdrawn = [
        replace(one, status=ApprovalStatus.WITHDRAWN, notes=reason)
        for one in questions
        if one.status is ApprovalStatus.PENDING
    ]
    await drive.save(
        run, steps=steps, approvals=withdrawn, events=(drive.event(EventType.EXECUTION, Node.GENERATE, reason),)
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
