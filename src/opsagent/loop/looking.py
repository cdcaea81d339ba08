"""Running a claimed step under watch, looking at the world from inside a node, and sampling a condition."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Proof
from opsagent.domain.outcome import Outcome
from opsagent.domain.reading import Reading
from opsagent.domain.runbook import Check, Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import ExecutionError, InputError, NotFound, TokenTaken, UnavailableError
from opsagent.loop.drive import MEASURE, Drive
from opsagent.ports.executor import Trace, Traced
from opsagent.stages.ask import digest_of

log = logging.getLogger(__name__)
# Once a run is to end, its last looks and its undo still have to be done: a cancel has been heard by then.
_UNHEEDING = frozenset({Phase.VERIFY, Phase.ROLLBACK})


async def judged(drive: Drive, step: Step, connection: Connection) -> Step:
    """The step with its final command, verdict and digest."""
    allowed = drive.run.may_use(connection)
    result = await drive.kit.judge(step.command, connection, in_scope=allowed, run_id=drive.run.id)
    bare = replace(step, command=result.command, verdict=result.verdict)
    return replace(bare, digest=digest_of(bare))


async def look(drive: Drive, step: Step) -> Step:
    """Judge and run one proven read, journaled; the step comes back refused when it is not one."""
    connection = await drive.target_of(step)
    step = await judged(drive, step, connection)
    verdict = step.verdict
    if verdict is None or verdict.decision is not Decision.ALLOW or verdict.manifest.proof is not Proof.READ:
        now = drive.kit.clock.now()
        refused = step.move(StepStatus.REFUSED, now)
        await drive.save(drive.run.begin(now), steps=(refused,))
        return refused
    async with drive.kit.slot(step.tenant, connection.name):
        now = drive.kit.clock.now()
        claimed = replace(step.move(StepStatus.CLAIMED, now), claimed_at=now)
        await drive.save(drive.run.begin(now), steps=(claimed,))
        trace = await perform(drive, claimed, connection)
    done, _ = drive.kit.execute.concluded(claimed, trace.outcome or interrupted(claimed, drive.kit.clock.now()))
    await drive.save(drive.run, steps=(done,))
    return done


async def perform(drive: Drive, step: Step, connection: Connection, *, stdin: bytes | None = None) -> Trace:
    """Run a claimed step to whatever end it has: its outcome, never started, or nobody knows."""
    try:
        outcome = await _watched(drive, step, connection, stdin)
    except ExecutionError as error:
        now = drive.kit.clock.now()
        why = f"{error.message} {error.fix}".strip()
        told = Outcome(exit_code=None, note=why, started_at=now, ended_at=now, changed=False)
        return Trace(traced=Traced.FINISHED, outcome=told)
    except (TokenTaken, OSError) as error:
        log.warning("step %s: %s; looking up what became of it", step.id, error)
        try:
            return await drive.kit.execute.trace(step, connection)
        except ExecutionError as unopened:
            log.warning("step %s: what became of it cannot be told: %s", step.id, unopened.message)
            return Trace(traced=Traced.UNKNOWN)
    return Trace(traced=Traced.FINISHED if outcome.known else Traced.UNKNOWN, outcome=outcome)


async def traced(drive: Drive, step: Step, connection: Connection) -> Trace:
    """What became of an attempt an earlier worker claimed: a launcher that still runs it properly may finish.

    Unless somebody cancels, which ends it. UnavailableError when it cannot be told now.
    """
    patience = 0.0 if await _must_stop(drive, step) else step.command.timeout_s
    task = asyncio.ensure_future(drive.kit.execute.trace(step, connection, patience_s=patience))
    try:
        while not (await asyncio.wait({task}, timeout=drive.kit.limits.watch_s))[0]:
            if await _must_stop(drive, step):
                task.cancel()
                await asyncio.wait({task})
                return await drive.kit.execute.trace(step, connection)
        return task.result()
    except ExecutionError as error:  # nothing here executes such commands any more
        log.warning("step %s: what became of it cannot be told: %s", step.id, error.message)
        return Trace(traced=Traced.UNKNOWN)
    finally:
        task.cancel()


def interrupted(step: Step, now: float, *, known: bool = True) -> Outcome:
    """The outcome of an attempt that left none."""
    return Outcome(
        exit_code=None,
        known=known,
        started_at=step.claimed_at or now,
        ended_at=now,
        note="interrupted",
        cancelled=known,
    )


async def _watched(drive: Drive, step: Step, connection: Connection, stdin: bytes | None) -> Outcome:
    """A cancel (and, for an effect, a pause) kills the command, and its outcome says so."""
    task = asyncio.ensure_future(drive.kit.execute(step, connection, stdin=stdin))
    try:
        while not (await asyncio.wait({task}, timeout=drive.kit.limits.watch_s))[0]:
            if await _must_stop(drive, step):
                return await _stopped(drive, task, step, connection)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _must_stop(drive: Drive, step: Step) -> bool:
    try:
        if step.phase not in _UNHEEDING and await drive.cancelled():
            return True
        return not step.is_read and (await drive.kit.stores.control.switches(step.tenant))["paused"]
    except UnavailableError as error:
        log.warning("step %s runs on: whether to stop it cannot be read: %s", step.id, error.message)
        return False


async def _stopped(drive: Drive, task: asyncio.Future[Outcome], step: Step, connection: Connection) -> Outcome:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        return task.result()
    now = drive.kit.clock.now()
    try:
        trace = await drive.kit.execute.trace(step, connection)
    except ExecutionError as error:  # its credential is gone: nobody can look, and it had been started
        log.warning("step %s was stopped; what became of it cannot be told: %s", step.id, error.message)
        return interrupted(step, now, known=False)
    if trace.outcome is not None:
        return trace.outcome
    if trace.traced is Traced.NEVER_STARTED:
        return Outcome(
            exit_code=None,
            cancelled=True,
            changed=False,
            note="stopped before it started",
            started_at=now,
            ended_at=now,
        )
    return interrupted(step, now, known=False)


async def measure(drive: Drive, check: Check, *, phase: Phase, settle_s: float = 0.0) -> Reading:
    """Sample a condition: healthy when every sample of a whole window is.

    `settle_s` is how many seconds it may take to become healthy; without it the first bad sample is the answer.
    """
    clock = drive.kit.clock
    begun = clock.monotonic()
    healthy_since: float | None = None
    samples = 0
    while True:
        step = await _sample(drive, check, phase)
        if isinstance(step, Reading):
            return step
        samples += 1
        now = clock.monotonic()
        if step.status is StepStatus.SUCCEEDED:
            healthy_since = now if healthy_since is None else healthy_since
            if now - healthy_since >= check.window_s:
                return _healthy(step, samples, now - healthy_since)
        else:
            healthy_since = None
            if now >= begun + settle_s or await drive.cancelled():
                return _unhealthy(step, samples, now - begun)
        await clock.sleep(check.interval_s)


async def guard_reading(drive: Drive, phase: Phase) -> Reading | None:
    """What the runbook's guard says now; None where it has none."""
    runbook = await drive.runbook()
    return await measure(drive, runbook.guard, phase=phase) if runbook and runbook.guard else None


async def _sample(drive: Drive, check: Check, phase: Phase) -> Step | Reading:
    try:
        connection = await drive.connection(check.connection)
        values = await drive.values(connection)
        proposed = drive.kit.propose.check(drive.run, check, connection, drive.steps, values, phase=phase, name=MEASURE)
    except (InputError, NotFound) as error:
        return Reading(healthy=None, text=f"The condition could not be measured: {error.message}")
    step = await look(drive, proposed)
    if step.status is StepStatus.REFUSED and step.verdict is not None:
        return Reading(healthy=None, text=f"The check is no proven read, so it was not run: {step.verdict.reason}")
    if why := _never_ran(step):
        return Reading(healthy=None, text=f"The check could not be run: {why}")
    return step


def _never_ran(step: Step) -> str:
    """Why the check says nothing about the world; empty when it does."""
    outcome = step.outcome
    if outcome is None:
        return "it has no outcome"
    if outcome.cancelled:
        return "it was stopped"
    # 126 and 127: the shell could not execute or find the command (POSIX, Shell Command Language 2.8.2)
    missing = outcome.exit_code in (126, 127) and step.status is not StepStatus.SUCCEEDED
    if not outcome.timed_out and (outcome.exit_code is None or missing):
        return f"{outcome.stderr} {outcome.note}".strip() or "it never reported an exit code"
    return ""


def _healthy(step: Step, samples: int, window_s: float) -> Reading:
    text = f"Measured healthy {samples} of {samples} times over {window_s:.1f} s: {step.command.text}"
    return Reading(healthy=True, text=text, samples=samples, window_s=window_s)


def _unhealthy(step: Step, samples: int, seconds: float) -> Reading:
    outcome = step.outcome
    shown = ""
    if outcome is not None:
        said = (outcome.stdout.strip() or outcome.stderr.strip()).splitlines()
        shown = f" (exit {outcome.exit_code}" + (f": {said[-1][:200]}" if said else "") + ")"
    text = f"Measured unhealthy{shown}: {step.command.text}"
    return Reading(healthy=False, text=text, samples=samples, window_s=seconds)
