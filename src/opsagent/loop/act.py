"""Act: claim, execute, record; find out about what was interrupted."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from opsagent.domain.connection import Connection
from opsagent.domain.event import AuditEntry, EventType, RunEvent
from opsagent.domain.expectation import capture
from opsagent.domain.manifest import Decision
from opsagent.domain.outcome import Outcome
from opsagent.domain.probing import told_by
from opsagent.domain.run import Node, RunStatus
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import (
    ApprovalError,
    ConfigurationError,
    Disabled,
    ExecutionError,
    InputError,
    NotFound,
    TargetBusy,
    UnavailableError,
)
from opsagent.loop.drive import Drive
from opsagent.loop.holding import effect_target, frozen, taken_over, wait
from opsagent.loop.keeping import kept_before, left_by
from opsagent.loop.looking import interrupted, look, perform, traced
from opsagent.ports.executor import Trace, Traced
from opsagent.ports.stores import EffectClaim

MAX_ATTEMPTS = 3  # of a command that never came to an end of its own


async def tools(drive: Drive) -> None:
    """Run the current step, once; or, where an earlier worker began it, find out what became of it."""
    step = drive.current()
    try:
        connection = await drive.target_of(step)
    except NotFound as error:
        await _give_up(drive, step, error.message)
        return
    if step.status is StepStatus.CLAIMED:
        await _recover(drive, step, connection)
    elif step.status is StepStatus.UNKNOWN:
        await _find_out(drive, step, connection)
    elif step.status is StepStatus.HAPPENED:
        await _go_on(drive, step)
    elif step.status is StepStatus.NOT_HAPPENED:
        await _propose_again(drive, step, "It did not happen.")
    elif step.status is StepStatus.ABORTED:
        await _give_up(drive, step, f"A person gave up on step {step.number}; whether it happened is not known.")
    elif step.command.connection_version != connection.version or drive.passed != step.token:
        await drive.save(drive.go(Node.GUARD))
    else:
        await _start(drive, step, connection)


async def _start(drive: Drive, step: Step, connection: Connection) -> None:
    async with drive.kit.slot(step.tenant, connection.name):
        if not (step.is_read or connection.is_scratch):  # it may have waited for its turn
            if await frozen(drive, connection):
                await drive.save(drive.go(Node.GUARD))
                return
            if await taken_over(drive, Node.GUARD):
                return
        claimed = await _claim(drive, step, connection)
        if claimed is not None and claimed.command.keeps:  # only now is the target ours, and nobody else changes it
            claimed = await _keep(drive, claimed, connection)
        if claimed is not None:
            await _conclude(drive, claimed, connection, await perform(drive, claimed, connection))


async def _keep(drive: Drive, claimed: Step, connection: Connection) -> Step | None:
    """The claimed step with what it will change kept; None when that failed, and then it never starts."""
    try:
        kept = replace(claimed, saved=await kept_before(drive, claimed, connection))
    except (ExecutionError, ConfigurationError) as error:
        with contextlib.suppress(ExecutionError):  # it takes the start token; only we could have started it
            await drive.kit.execute.trace(claimed, connection)
        gone = claimed.move(StepStatus.NOT_HAPPENED, drive.kit.clock.now())
        await drive.save(drive.run, steps=(gone,), release_target=gone.id)
        await _give_up(drive, gone, f"Not run, since what it changes cannot be kept first: {error.message}")
        return None
    await drive.save(drive.run, steps=(kept,))
    return kept


async def _claim(drive: Drive, step: Step, connection: Connection) -> Step | None:
    """Store the claim before the effect; None when it may not start now, and then where that leads is stored."""
    verdict = step.verdict
    unasked = verdict is not None and verdict.decision is Decision.ASK and not step.approval_id
    if verdict is None or verdict.decision is Decision.DENY or unasked:
        await drive.save(drive.go(Node.GUARD))
        return None
    now = drive.kit.clock.now()
    claimed = replace(step.move(StepStatus.CLAIMED, now), claimed_at=now, claimed_place=connection.place)
    used = tuple(sorted({*drive.run.tools_used, step.command.executor}))
    run = drive.go(Node.TOOLS, tools_used=used, had_effect=drive.run.had_effect or not step.is_read, waiting="")
    try:
        await drive.save(
            run,
            steps=(claimed,),
            claim=_effect_claim(drive, step, connection) if step.approval_id or not step.is_read else None,
            audit=(drive.audit("step.claimed", claimed, target=connection.name, command=step.command.text),),
            events=(drive.event(EventType.TOOL_CALL, Node.TOOLS, f"Running on {connection.name}.", step=claimed),),
        )
    except (TargetBusy, Disabled) as error:
        await wait(drive, error, Node.GUARD)
        return None
    except ApprovalError as error:
        await drive.save(
            drive.go(Node.GUARD),
            events=(drive.event(EventType.ERROR, Node.TOOLS, f"Not run: {error.message} ({error.code})", step=step),),
            audit=(drive.audit("approval.rejected", step, code=error.code),),
        )
        return None
    return claimed


def _effect_claim(drive: Drive, step: Step, connection: Connection) -> EffectClaim:
    if step.is_read:  # it was asked about all the same: its approval is good for this once
        return EffectClaim(
            step_id=step.id, attempt=step.attempt, target="", digest=step.digest, approval_id=step.approval_id
        )
    limits = drive.kit.limits
    return EffectClaim(
        step_id=step.id,
        attempt=step.attempt,
        target=effect_target(step, connection),
        digest=step.digest,
        approval_id=step.approval_id,
        # The steps of one repair belong together: only the first waits for the target to cool down.
        cooldown_s=0.0 if drive.run.had_effect else limits.cooldown_s,
        per_hour=0 if connection.is_scratch else limits.per_hour,
    )


async def _conclude(drive: Drive, claimed: Step, connection: Connection, trace: Trace) -> None:
    """Write down how a claimed attempt ended, whoever ran it."""
    now = drive.kit.clock.now()
    last = claimed.attempt >= max(MAX_ATTEMPTS, claimed.retries + 1)
    if trace.traced is Traced.NEVER_STARTED and last:
        gone = claimed.move(StepStatus.NOT_HAPPENED, now)
        await drive.save(drive.run, steps=(gone,), release_target=gone.id)
        await _give_up(drive, gone, f"It could not be started in {claimed.attempt} attempts.")
    elif trace.traced is Traced.NEVER_STARTED:
        gone = claimed.move(StepStatus.NOT_HAPPENED, now)
        entry = drive.audit("step.not_happened", gone, by="start token")
        await _propose_again(drive, gone, "It never started, and never will.", audit=entry)
    elif trace.traced is Traced.FINISHED and trace.outcome is not None:
        await _record(drive, await left_by(drive, claimed, connection), trace.outcome)
    elif claimed.is_read:
        lost = replace(trace.outcome or interrupted(claimed, now), changed=False)
        failed = replace(claimed.move(StepStatus.FAILED, now), outcome=lost)
        if last:
            said = f"It was interrupted in each of {claimed.attempt} attempts."
            await drive.save(drive.go(Node.REFLECT), steps=(failed,), events=(_result(drive, failed, said),))
            return
        await _propose_again(drive, failed, "It was interrupted; it changes nothing, so it is run again.")
    else:
        await _unknown(drive, claimed, trace.outcome or interrupted(claimed, now, known=False))


async def _recover(drive: Drive, step: Step, connection: Connection) -> None:
    """An earlier worker claimed it and is gone. A launcher that still runs it properly may finish, unless cancelled.

    Where it cannot be told for a long time, a person is asked.
    """
    try:
        trace = await traced(drive, step, connection)
    except UnavailableError:
        waited_s = drive.kit.clock.now() - (step.claimed_at or 0.0) - step.command.timeout_s
        if waited_s < drive.kit.limits.tell_s:
            raise
        trace = Trace(traced=Traced.UNKNOWN)
    ended = trace.outcome is not None and trace.outcome.cancelled and not await drive.cancelled()
    if step.is_read and ended:
        trace = Trace(traced=Traced.UNKNOWN)
    await _conclude(drive, step, connection, trace)


async def _record(drive: Drive, claimed: Step, outcome: Outcome) -> None:
    done, reason = drive.kit.execute.concluded(claimed, outcome)
    captures = dict(drive.run.captures)
    if done.status is StepStatus.SUCCEEDED:
        try:
            template = await drive.template(done.name)
            captures |= capture(template.captures if template else {}, outcome)
        except InputError as error:
            done, reason = replace(done, status=StepStatus.FAILED), error.message
    if done.status is StepStatus.FAILED and done.is_read and done.attempt <= done.retries and not outcome.cancelled:
        await _propose_again(drive, done, f"{reason}; it changes nothing, so it is run again.")
        return
    await drive.save(
        drive.go(Node.REFLECT, captures=captures),
        steps=(done,),
        release_target=done.id,
        events=(_result(drive, done, reason),),
        audit=(drive.audit(f"step.{done.status.value}", done, exit=str(outcome.exit_code), reason=reason),),
    )


async def _propose_again(drive: Drive, ended: Step, reason: str, *, audit: AuditEntry | None = None) -> None:
    """The end of one attempt and the next one, in one transaction: a new step, judged anew, asked anew."""
    now = drive.kit.clock.now()
    number = max(one.number for one in drive.steps) + 1
    again = replace(
        ended,
        id=f"{drive.run.id}.{number}",
        number=number,
        attempt=ended.attempt + 1,
        status=StepStatus.PROPOSED,
        approval_id="",
        digest="",
        saved={},
        outcome=None,
        claimed_at=None,
        created_at=now,
        updated_at=now,
    )
    words = [_result(drive, ended, reason)] if ended.outcome is not None else []
    words.append(drive.event(EventType.REVISION, Node.TOOLS, f"{reason} A new attempt is judged anew.", step=again))
    await drive.save(
        drive.go(Node.GUARD, current_step=again.id),
        steps=(ended, again),
        release_target=ended.id,
        events=words,
        audit=(audit or drive.audit(f"step.{ended.status.value}", ended, reason=reason),),
    )


async def _unknown(drive: Drive, step: Step, outcome: Outcome) -> None:
    """It was claimed and nobody can say what became of it: the probe if there is one, else a person."""
    unknown = replace(step.move(StepStatus.UNKNOWN, drive.kit.clock.now()), outcome=replace(outcome, known=False))
    said = "Interrupted: nobody knows whether it happened."
    await drive.save(
        drive.go(Node.TOOLS),
        steps=(unknown,),
        audit=(drive.audit("step.unknown", unknown),),
        events=(drive.event(EventType.ERROR, Node.TOOLS, said, step=unknown),),
    )


async def _find_out(drive: Drive, step: Step, connection: Connection) -> None:
    if await drive.cancelled():
        await _give_up(drive, step, f"Cancelled; whether step {step.number} happened is not known.")
        return
    answer = await _probed(drive, step, connection)
    if answer is None:
        await _wait_for_person(drive, step)
        return
    resolved = step.move(answer, drive.kit.clock.now())
    if answer is StepStatus.HAPPENED:
        resolved = await left_by(drive, resolved, connection)
    said = f"The probe says: {answer.value}."
    await drive.save(
        drive.go(Node.TOOLS),
        steps=(resolved,),
        release_target=resolved.id,
        audit=(drive.audit(f"step.{answer.value}", resolved, by="probe"),),
        events=(drive.event(EventType.REFLECTION, Node.TOOLS, said, step=resolved),),
    )
    # A person may have answered while the probe ran; then that stands, in the store and so here.
    drive.steps = list(await drive.kit.stores.journal.steps(drive.run.tenant, drive.run.id))


async def _probed(drive: Drive, step: Step, connection: Connection) -> StepStatus | None:
    """What the probe knows; None where it does not, or where there is none for the target as it is now."""
    if not step.probe or connection.version != step.command.connection_version:
        return None
    probe = drive.kit.propose.plain(
        drive.run,
        connection,
        drive.steps,
        name=f"probe {step.name}",
        phase=step.phase,
        text=step.probe,
        bound=step.command.bound,
    )
    return told_by(connection.language, (await look(drive, probe)).outcome, step.probe_expect)


async def _wait_for_person(drive: Drive, step: Step) -> None:
    answer = f"opsagent resolve {drive.run.id} {step.number} happened|not_happened|aborted"
    word = f"What became of step {step.number}? Look, then say: {answer}"
    events = (drive.event(EventType.APPROVAL, Node.TOOLS, word, step=step),) if drive.run.waiting != word else ()
    parked = replace(drive.go(Node.TOOLS), waiting=word).park(drive.kit.clock.now(), until=None)
    await drive.save(parked, events=events)
    drive.parked = True


async def _go_on(drive: Drive, step: Step) -> None:
    said = f"Step {step.number} did happen; going on after it."
    await drive.save(
        drive.go(Node.GENERATE),
        release_target=step.id,
        events=(drive.event(EventType.REFLECTION, Node.TOOLS, said, step=step),),
    )


async def _give_up(drive: Drive, step: Step, reason: str) -> None:
    """Nothing more is tried. A target under an effect nobody knows the end of stays held."""
    steps = []
    if step.status in (StepStatus.PROPOSED, StepStatus.AWAITING_APPROVAL):
        steps.append(step.move(StepStatus.SKIPPED, drive.kit.clock.now()))
    if step.status is StepStatus.CLAIMED:
        steps.append(lost_track(step, drive.kit.clock.now()))
    status = RunStatus.CANCELLED if await drive.cancelled() else RunStatus.FAILED
    await drive.save(
        drive.go(drive.after_effects(), outcome=status, reason=reason, had_effect=drive.touched()),
        steps=steps,
        events=(drive.event(EventType.ERROR, Node.TOOLS, reason, step=step),),
        audit=(drive.audit("step.given_up", step, reason=reason),),
    )


def lost_track(step: Step, now: float) -> Step:
    """A claimed step nothing can be found out about any more: an effect is unknown, and a person may resolve it."""
    if step.is_read:
        return replace(step.move(StepStatus.FAILED, now), outcome=interrupted(step, now))
    return replace(step.move(StepStatus.UNKNOWN, now), outcome=interrupted(step, now, known=False))


def _result(drive: Drive, step: Step, reason: str) -> RunEvent:
    outcome = step.outcome
    if outcome is None:
        raise ValueError("the step has no outcome")
    output = outcome.stdout + (f"\n[stderr]\n{outcome.stderr}" if outcome.stderr else "")
    return drive.event(
        EventType.TOOL_RESULT,
        Node.TOOLS,
        f"{step.status.value}: {reason}",
        step=step,
        output=output,
        artifact=outcome.artifact,
        metadata={
            "exitCode": str(outcome.exit_code),
            "seconds": f"{outcome.duration_s:.2f}",
            "backend": outcome.backend,
            **({"status": str(outcome.status)} if outcome.status is not None else {}),
        },
    )
