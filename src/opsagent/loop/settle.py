"""Settle: measure whether it helped, take back what did not, and close."""

from __future__ import annotations

import base64
import hashlib
import shlex
from dataclasses import replace

from opsagent.domain.connection import Connection
from opsagent.domain.event import EventType
from opsagent.domain.manifest import Decision
from opsagent.domain.reading import Reading
from opsagent.domain.run import Node, RunStatus, Verified
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import ConflictError, Disabled, ExecutionError, InputError, NotFound
from opsagent.loop.drive import Drive
from opsagent.loop.looking import judged, look, measure, not_run, run_watched
from opsagent.loop.orient import spend
from opsagent.ports.executor import Traced
from opsagent.ports.stores import EffectClaim, Measurement
from opsagent.stages.propose import RESTORE
from opsagent.stages.undo import ABSENT, Reversal, reversals, to_undo, unresolved
from opsagent.stages.verify import verify as conclude


async def verify(drive: Drive) -> None:
    """Measure the opening condition over its window, and run the runbook's own checks."""
    runbook = await drive.runbook()
    check = runbook.measure_for(drive.run.alert) if runbook else None
    reading: Reading | None = None
    if check is not None:
        reading = await measure(drive, check, phase=Phase.VERIFY, settle_s=drive.kit.limits.settle_s)
    own = []
    for template in runbook.steps if runbook and (reading is None or reading.healthy is not False) else ():
        if template.phase is Phase.VERIFY:
            try:
                connection = await drive.connection()
                step = drive.kit.propose(drive.run, template, connection, drive.steps, await drive.values(connection))
            except (InputError, NotFound):
                continue
            own.append(await look(drive, step))
    finding = conclude(reading, own)
    run = drive.run
    failed = finding.verified is Verified.NO or (
        finding.verified is Verified.NOT_MEASURABLE and run.outcome is RunStatus.FAILED
    )
    outcome = run.outcome if run.outcome is RunStatus.CANCELLED else RunStatus.FAILED if failed else RunStatus.COMPLETED
    takes_back = finding.verified is Verified.NO and outcome is not RunStatus.CANCELLED and bool(to_undo(drive.steps))
    reason = finding.text if finding.verified is Verified.NO or not run.reason else run.reason
    measured = None
    if reading is not None and reading.healthy is not None and run.fingerprint:
        measured = Measurement(
            tenant=run.tenant,
            fingerprint=run.fingerprint,
            healthy=reading.healthy,
            at=drive.kit.clock.now(),
            text=reading.text,
        )
    await drive.save(
        drive.go(Node.UNDO if takes_back else Node.FINAL, verified=finding.verified, outcome=outcome, reason=reason),
        events=(
            drive.event(
                EventType.REFLECTION,
                Node.VERIFY,
                f"Verified: {finding.verified.value}. {finding.text}",
                metadata={"verified": finding.verified.value},
            ),
        ),
        measured=measured,
        audit=(drive.audit("run.verified", verified=finding.verified.value),),
    )


async def undo(drive: Drive) -> None:
    """Take back, newest claim first; the first undo that fails stops, and a person is told."""
    await _end_interrupted(drive)
    open_ends = unresolved(drive.steps)
    if open_ends:
        await _escalate(drive, f"Nothing was taken back: what became of step {open_ends[0].number} is not known.")
        return
    done: list[str] = []
    for step in to_undo(drive.steps):
        restore = step.command.undo == RESTORE
        if not step.command.undo:
            done.append(f"{step.name} has no undo")
            continue
        for reversal in reversals(step, restore=restore):
            failure = await _take_back(drive, reversal)
            if failure:
                await _escalate(drive, f"Undo of {step.name} stopped: {failure}")
                return
        undone = step.move(StepStatus.UNDONE, drive.kit.clock.now())
        await drive.save(drive.run, steps=(undone,), audit=(drive.audit("step.undone", undone),))
        done.append(f"{step.name} was undone")
    await drive.save(
        drive.go(Node.FINAL, reason=f"{drive.run.reason} {'; '.join(done)}.".strip()),
        events=(drive.event(EventType.REVISION, Node.UNDO, "; ".join(done) or "Nothing to take back."),),
    )


async def final(drive: Drive) -> None:
    """The summary, the terminal status, the ticket and the notices, in one transaction."""
    if await drive.cancelled() and drive.run.outcome is None:
        drive.run = replace(drive.run, outcome=RunStatus.CANCELLED, reason=drive.run.reason or "A person cancelled it.")
    summary, usage = await drive.kit.reasoner.summarise(await drive.situation())
    drive.run = spend(drive.run.begin(drive.kit.clock.now()), usage)
    closed = drive.kit.close(
        drive.run, await drive.ticket(), summary=summary.text, recommendations=summary.recommendations
    )
    events = [drive.event(EventType.FINAL, Node.FINAL, summary.text, metadata={"status": closed.run.status.value})]
    if closed.notices:
        told = ", ".join(notice.channel for notice in closed.notices)
        events.append(drive.event(EventType.NOTIFICATION, Node.FINAL, f"The result goes out by {told}."))
    await drive.save(closed.run, ticket=closed.ticket, audit=closed.audit, notices=closed.notices, events=events)


async def _take_back(drive: Drive, reversal: Reversal) -> str:
    """Run one reversal; the reason it failed, empty when it held."""
    try:
        connection = await drive.connection()
        content = await _content(drive, reversal)
    except (NotFound, ConflictError) as error:
        return error.message
    stdin = base64.b64encode(content).decode() if content is not None else ""
    proposed = drive.kit.propose.plain(
        drive.run,
        connection,
        drive.steps,
        name=f"undo {reversal.step.name}",
        phase=Phase.ROLLBACK,
        text=reversal.text,
        stdin=stdin,
        undo_of=reversal.step.id,
        why=f"takes back step {reversal.step.number}",
    )
    step = await judged(drive, proposed, connection)
    if step.verdict is None or step.verdict.decision is Decision.DENY:
        return step.verdict.reason if step.verdict else "it could not be judged"
    if step.verdict.decision is Decision.ASK and not reversal.step.approval_id:
        return "nobody has approved it"
    outcome = await _run_undo(drive, step, connection)
    if outcome:
        return outcome
    return await _compare(drive, reversal, content)


async def _run_undo(drive: Drive, step: Step, connection: Connection) -> str:
    now = drive.kit.clock.now()
    claimed = replace(step.move(StepStatus.CLAIMED, now), claimed_at=now)
    claim = EffectClaim(step_id=step.id, attempt=step.attempt, target=connection.id, digest=step.digest)
    try:
        await drive.save(
            drive.run,
            steps=(claimed,),
            claim=claim,
            audit=(drive.audit("undo.claimed", claimed, command=step.command.text),),
            events=(drive.event(EventType.TOOL_CALL, Node.UNDO, step.why, step=claimed),),
        )
    except (ConflictError, Disabled) as error:
        return error.message
    try:
        outcome = await run_watched(drive, claimed, connection)
    except (ExecutionError, ConflictError) as error:
        outcome = not_run(ExecutionError(error.message, fix=error.fix), drive.kit.clock.now())
    done, reason = drive.kit.execute.concluded(claimed, outcome)
    await drive.save(
        drive.run,
        steps=(done,),
        release_target=done.id,
        audit=(drive.audit(f"undo.{done.status.value}", done),),
        events=(
            drive.event(EventType.TOOL_RESULT, Node.UNDO, reason, step=done, output=outcome.stdout + outcome.stderr),
        ),
    )
    return "" if done.status is StepStatus.SUCCEEDED else reason


async def _content(drive: Drive, reversal: Reversal) -> bytes | None:
    artifact = reversal.step.saved.get(reversal.restores, ABSENT)
    return None if artifact == ABSENT else await drive.kit.artifacts.get(drive.run.tenant, artifact)


async def _compare(drive: Drive, reversal: Reversal, content: bytes | None) -> str:
    if not reversal.restores or content is None:
        return ""
    check = drive.kit.propose.plain(
        drive.run,
        await drive.connection(),
        drive.steps,
        name=f"compare {reversal.restores}",
        phase=Phase.ROLLBACK,
        text=f"sha256sum -- {shlex.quote(reversal.restores)}",
    )
    done = await look(drive, check)
    shown = done.outcome.stdout.split(maxsplit=1)[0].lstrip("\\") if done.outcome and done.outcome.stdout else ""
    return "" if shown == hashlib.sha256(content).hexdigest() else f"{reversal.restores} is not what it was before"


async def _end_interrupted(drive: Drive) -> None:
    """An undo an earlier worker began: its token says what became of it; what cannot be told stays unknown."""
    for step in [one for one in drive.steps if one.undo_of and one.status is StepStatus.CLAIMED]:
        trace = await drive.kit.execute.trace(step, await drive.connection())
        now = drive.kit.clock.now()
        if trace.traced is Traced.FINISHED and trace.outcome is not None:
            ended, _ = drive.kit.execute.concluded(step, trace.outcome)
        elif trace.traced is Traced.NEVER_STARTED:
            ended = step.move(StepStatus.NOT_HAPPENED, now)
        else:
            ended = step.move(StepStatus.UNKNOWN, now)
        await drive.save(drive.run, steps=(ended,), release_target=ended.id)


async def _escalate(drive: Drive, reason: str) -> None:
    await drive.save(
        drive.go(Node.FINAL, outcome=RunStatus.FAILED, reason=reason),
        events=(drive.event(EventType.ERROR, Node.UNDO, reason),),
        audit=(drive.audit("undo.stopped", reason=reason),),
    )
