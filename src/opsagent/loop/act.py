"""Act: claim, execute, record; find out about what was interrupted; say what it means."""

from __future__ import annotations

import base64
import shlex
from dataclasses import replace

from opsagent.domain.connection import Connection
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.expectation import capture
from opsagent.domain.outcome import Outcome
from opsagent.domain.run import Node, RunStatus
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import ApprovalError, Disabled, ExecutionError, InputError, NotFound, TargetBusy, TokenTaken
from opsagent.loop.drive import Drive
from opsagent.loop.looking import look, not_run, run_watched
from opsagent.loop.orient import spend
from opsagent.ports.executor import Traced
from opsagent.ports.stores import EffectClaim
from opsagent.stages.undo import ABSENT


async def tools(drive: Drive) -> None:
    """Run the current step, once; or, where an earlier worker began it, find out what became of it."""
    step = drive.current()
    try:
        connection = await drive.connection()
    except NotFound as error:
        await _give_up(drive, step, error.message)
        return
    if step.status is StepStatus.CLAIMED:
        await _recover(drive, step, connection)
    elif step.status is StepStatus.UNKNOWN:
        await _wait_for_person(drive, step)
    elif step.status is StepStatus.HAPPENED:
        await _after(drive, step, "It did happen.")
    elif step.status is StepStatus.NOT_HAPPENED:
        await propose_again(drive, step, "It did not happen.")
    elif step.status is StepStatus.ABORTED:
        await _give_up(drive, step, f"A person gave up on step {step.number}.")
    elif step.command.connection_version != connection.version:
        await drive.save(drive.go(Node.GUARD))
    else:
        await _start(drive, step, connection)


async def reflect(drive: Drive) -> None:
    """What does the newest outcome mean, and where to go on?"""
    step = drive.current()
    reflection, usage = await drive.kit.reasoner.reflect(await drive.situation(), step)
    if reflection.next == "continue":
        run = drive.go(Node.GENERATE)
    elif reflection.next == "revise":
        run = drive.go(Node.REVISE, reason=reflection.reason)
    else:
        run = drive.go(drive.after_effects(), reason=reflection.reason)
    await drive.save(
        spend(run, usage), events=(drive.event(EventType.REFLECTION, Node.REFLECT, reflection.reason, step=step),)
    )


async def revise(drive: Drive) -> None:
    """A step was refused or did not go as expected: is there another way? Runbooks alone know none but their `when`."""
    step = drive.current()
    if step.status is StepStatus.FAILED and step.phase is Phase.MITIGATION:
        reason = drive.run.reason or f"Step {step.name} did not go as expected."
    else:
        reason = drive.run.reason
    await drive.save(
        drive.go(drive.after_effects(), outcome=RunStatus.FAILED, reason=reason),
        events=(drive.event(EventType.REVISION, Node.REVISE, f"Nothing else to try. {reason}", step=step),),
    )


async def propose_again(drive: Drive, step: Step, reason: str) -> None:
    """A new attempt at the same command: a new step, judged anew, with a new question where one is needed."""
    now = drive.kit.clock.now()
    number = max(one.number for one in drive.steps) + 1
    again = replace(
        step,
        id=f"{drive.run.id}.{number}",
        number=number,
        attempt=step.attempt + 1,
        status=StepStatus.PROPOSED,
        approval_id="",
        digest="",
        outcome=None,
        claimed_at=None,
        created_at=now,
        updated_at=now,
    )
    word = drive.event(EventType.REVISION, Node.TOOLS, f"{reason} A new attempt is judged and asked anew.", step=again)
    await drive.save(drive.go(Node.GUARD, current_step=again.id), steps=(again,), events=(word,))


async def _start(drive: Drive, step: Step, connection: Connection) -> None:
    if step.save and not step.saved:
        saved = await _save_before(drive, step)
        if saved is None:
            await _give_up(drive, step, "What it would change could not be kept beforehand, so it was not run.")
            return
        step = replace(step, saved=saved)
    now = drive.kit.clock.now()
    claimed = replace(step.move(StepStatus.CLAIMED, now), claimed_at=now)
    limits = drive.kit.limits
    claim = None
    if not step.is_read:
        claim = EffectClaim(
            step_id=step.id,
            attempt=step.attempt,
            target=connection.id,
            digest=step.digest,
            approval_id=step.approval_id,
            # the steps of one repair belong together: only the first waits for the target to cool down
            cooldown_s=0.0 if drive.run.had_effect else limits.cooldown_s,
            per_hour=limits.per_hour,
        )
    used = tuple(sorted({*drive.run.tools_used, step.command.executor}))
    run = drive.go(Node.TOOLS, tools_used=used, had_effect=drive.run.had_effect or not step.is_read)
    try:
        await drive.save(
            run,
            steps=(claimed,),
            claim=claim,
            audit=(drive.audit("step.claimed", claimed, target=connection.name, command=step.command.text),),
            events=(drive.event(EventType.TOOL_CALL, Node.TOOLS, f"Running on {connection.name}.", step=claimed),),
        )
    except (TargetBusy, Disabled) as error:
        await _later(drive, error)
        return
    except ApprovalError as error:
        await _approval_failed(drive, step, error)
        return
    await _execute(drive, claimed, connection)


async def _execute(drive: Drive, claimed: Step, connection: Connection) -> None:
    try:
        outcome = await run_watched(drive, claimed, connection)
    except TokenTaken as error:
        await _never_started(drive, claimed, error.message)
        return
    except ExecutionError as error:
        outcome = not_run(error, drive.kit.clock.now())
    await _record(drive, claimed, outcome)


async def _record(drive: Drive, claimed: Step, outcome: Outcome) -> None:
    if not outcome.known and not claimed.is_read:
        await _unknown(drive, claimed, outcome)
        return
    done, reason = drive.kit.execute.concluded(claimed, outcome)
    captures = dict(drive.run.captures)
    try:
        captures |= _captured(done, await _patterns(drive, done), outcome)
    except InputError as error:
        done, reason = replace(done, status=StepStatus.FAILED), error.message
    if done.status is StepStatus.FAILED and done.is_read and done.attempt <= done.retries and not outcome.cancelled:
        await drive.save(drive.run, steps=(done,), events=(_result(drive, done, reason),))
        await propose_again(drive, done, f"{reason}; it changes nothing, so it is run again.")
        return
    await drive.save(
        drive.go(Node.REFLECT, captures=captures),
        steps=(done,),
        release_target=done.id,
        events=(_result(drive, done, reason),),
        audit=(drive.audit(f"step.{done.status.value}", done, exit=str(outcome.exit_code), reason=reason),),
    )


def _captured(step: Step, patterns: dict[str, str], outcome: Outcome) -> dict[str, str]:
    return capture(patterns, outcome) if patterns and step.status is StepStatus.SUCCEEDED else {}


async def _patterns(drive: Drive, step: Step) -> dict[str, str]:
    runbook = await drive.runbook()
    template = next((one for one in runbook.steps if one.name == step.name), None) if runbook else None
    return dict(template.captures) if template else {}


async def _recover(drive: Drive, step: Step, connection: Connection) -> None:
    trace = await drive.kit.execute.trace(step, connection)
    # Ended by a server that was told to stop, and not by a person who cancelled the run: it says nothing.
    cut_short = step.is_read and trace.outcome is not None and trace.outcome.cancelled and not await drive.cancelled()
    if trace.traced is Traced.FINISHED and trace.outcome is not None and not cut_short:
        await _record(drive, step, trace.outcome)
    elif trace.traced is Traced.NEVER_STARTED:
        await _never_started(drive, step, "Its worker went away before it started; it never will.")
    elif step.is_read:
        now = drive.kit.clock.now()
        lost = Outcome(
            exit_code=None, started_at=step.claimed_at or now, ended_at=now, note="interrupted", changed=False
        )
        failed = replace(step.move(StepStatus.FAILED, now), outcome=lost)
        await drive.save(drive.run, steps=(failed,))
        await propose_again(drive, failed, "It was interrupted; it changes nothing, so it is run again.")
    else:
        now = drive.kit.clock.now()
        lost = Outcome(exit_code=None, known=False, started_at=step.claimed_at or now, ended_at=now, note="interrupted")
        await _unknown(drive, step, trace.outcome or lost)


async def _never_started(drive: Drive, step: Step, reason: str) -> None:
    gone = step.move(StepStatus.NOT_HAPPENED, drive.kit.clock.now())
    await drive.save(
        drive.run,
        steps=(gone,),
        release_target=gone.id,
        audit=(drive.audit("step.not_happened", gone, by="start token"),),
    )
    await propose_again(drive, gone, reason)


async def _unknown(drive: Drive, step: Step, outcome: Outcome) -> None:
    """It was claimed and nobody can say what became of it: the probe if there is one, else a person."""
    now = drive.kit.clock.now()
    unknown = replace(step.move(StepStatus.UNKNOWN, now), outcome=replace(outcome, known=False))
    await drive.save(
        drive.go(Node.TOOLS),
        steps=(unknown,),
        audit=(drive.audit("step.unknown", unknown),),
        events=(
            drive.event(EventType.ERROR, Node.TOOLS, "Interrupted: nobody knows whether it happened.", step=unknown),
        ),
    )
    if step.probe and await _probed(drive, unknown):
        return
    await _wait_for_person(drive, unknown)


async def _probed(drive: Drive, step: Step) -> bool:
    probe = drive.kit.propose.plain(
        drive.run, await drive.connection(), drive.steps, name=f"probe {step.name}", phase=step.phase, text=step.probe
    )
    done = await look(drive, probe)
    if done.outcome is None or done.outcome.exit_code is None:
        return False
    happened = done.outcome.exit_code == 0
    resolved = step.move(StepStatus.HAPPENED if happened else StepStatus.NOT_HAPPENED, drive.kit.clock.now())
    await drive.save(
        drive.go(Node.TOOLS),
        steps=(resolved,),
        release_target=resolved.id,
        audit=(drive.audit(f"step.{resolved.status.value}", resolved, by="probe"),),
        events=(
            drive.event(EventType.REFLECTION, Node.TOOLS, f"The probe says: {resolved.status.value}.", step=resolved),
        ),
    )
    return True


async def _wait_for_person(drive: Drive, step: Step) -> None:
    now = drive.kit.clock.now()
    if await drive.cancelled():
        await _give_up(drive, step, f"Cancelled; whether step {step.number} happened is not known.")
        return
    answer = f"opsagent resolve {drive.run.id} {step.number} happened|not_happened|aborted"
    word = f"What became of step {step.number}? Look, then say: {answer}"
    await drive.save(
        drive.go(Node.TOOLS).park(now, until=None),
        events=(drive.event(EventType.APPROVAL, Node.TOOLS, word, step=step),),
    )
    drive.parked = True


async def _after(drive: Drive, step: Step, reason: str) -> None:
    await drive.save(
        drive.go(Node.REFLECT),
        release_target=step.id,
        events=(drive.event(EventType.REFLECTION, Node.TOOLS, reason, step=step),),
    )


async def _give_up(drive: Drive, step: Step, reason: str) -> None:
    steps = []
    if step.status in (StepStatus.PROPOSED, StepStatus.AWAITING_APPROVAL):
        steps.append(step.move(StepStatus.SKIPPED, drive.kit.clock.now()))
    status = RunStatus.CANCELLED if await drive.cancelled() else RunStatus.FAILED
    await drive.save(
        drive.go(drive.after_effects(), outcome=status, reason=reason),
        steps=steps,
        release_target=step.id,
        events=(drive.event(EventType.ERROR, Node.TOOLS, reason, step=step),),
    )


async def _later(drive: Drive, error: TargetBusy | Disabled) -> None:
    """Paused, cooling down, or somebody else's effect is under way: nothing was started; look again soon."""
    if await drive.cancelled():
        await drive.save(drive.go(Node.GUARD))
        return
    wait = error.extra.get("retryAfter")
    seconds = float(wait) if isinstance(wait, int | float) else drive.kit.limits.busy_s
    run = replace(drive.go(Node.TOOLS), due_at=drive.kit.clock.now() + seconds)
    await drive.save(run, events=(drive.event(EventType.EXECUTION, Node.TOOLS, f"Waiting: {error.message}"),))
    drive.parked = True


async def _approval_failed(drive: Drive, step: Step, error: ApprovalError) -> None:
    await drive.save(
        drive.go(Node.GUARD),
        events=(drive.event(EventType.ERROR, Node.TOOLS, f"Not run: {error.message} ({error.code})", step=step),),
        audit=(drive.audit("approval.rejected", step, code=error.code),),
    )


async def _save_before(drive: Drive, step: Step) -> dict[str, str] | None:
    """Keep what the effect will change: path -> artifact, `absent` where there is nothing; None when that failed."""
    connection = await drive.connection()
    kept: dict[str, str] = {}
    for path in step.save:
        word = shlex.quote(path)
        there = await look(drive, _plain(drive, connection, step, f"test -e {word}"))
        if there.outcome is None or there.status is StepStatus.REFUSED:
            return None
        if there.outcome.exit_code == 1:
            kept[path] = ABSENT
            continue
        read = await look(drive, _plain(drive, connection, step, f"base64 -- {word}"))
        if read.status is not StepStatus.SUCCEEDED or read.outcome is None:
            return None
        content = await _whole(drive, read.outcome)
        kept[path] = await drive.kit.artifacts.put(drive.run.tenant, content, encrypt=True)
    return kept


def _plain(drive: Drive, connection: Connection, step: Step, text: str) -> Step:
    return drive.kit.propose.plain(
        drive.run, connection, drive.steps, name=f"save for {step.name}", phase=step.phase, text=text
    )


async def _whole(drive: Drive, outcome: Outcome) -> bytes:
    encoded = outcome.stdout.encode()
    if outcome.artifact:
        encoded = await drive.kit.artifacts.get(drive.run.tenant, outcome.artifact)
    return base64.b64decode(encoded)


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
        },
    )
