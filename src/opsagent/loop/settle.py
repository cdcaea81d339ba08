"""Settle: measure whether it helped, take back what did not, and close."""

from __future__ import annotations

from dataclasses import replace

from opsagent.domain.command import RESTORE
from opsagent.domain.connection import Connection
from opsagent.domain.draft import Draft
from opsagent.domain.event import EventType
from opsagent.domain.expectation import holds
from opsagent.domain.manifest import Decision
from opsagent.domain.reading import Reading
from opsagent.domain.run import Node, Run, RunStatus, Verified
from opsagent.domain.runbook import Phase, Runbook
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import Disabled, ExecutionError, IllegalMove, InputError, NotFound, TargetBusy, UnavailableError
from opsagent.loop.drive import Drive
from opsagent.loop.holding import effect_target, freeze_words, frozen, taken_over, wait
from opsagent.loop.keeping import changed_since
from opsagent.loop.looking import guard_reading, judged, look, measure, perform, traced
from opsagent.loop.orient import measurement
from opsagent.ports.executor import Trace, Traced
from opsagent.ports.reasoner import Summary
from opsagent.ports.stores import EffectClaim
from opsagent.stages.learn import teaches
from opsagent.stages.undo import Reversal, reversals, to_undo, unresolved
from opsagent.stages.verify import verify as conclude

_CLOSE_TRIES = 5  # alerts of a storm join a ticket one delivery after the other


async def verify(drive: Drive) -> None:
    """Measure the opening condition over its window, and run the runbook's own checks."""
    cancelled = await drive.cancelled()
    repointed = await drive.repointed()
    reading: Reading | None = None
    worse: Reading | None = None
    own: list[Step] = []
    missing: list[str] = []
    runbook = await drive.runbook()
    check = runbook.measure_for(drive.run.alert) if runbook else None
    if repointed:
        reading = Reading(healthy=None, text=repointed)
    elif check is not None:
        settle_s = 0.0 if cancelled else drive.kit.limits.settle_s
        reading = await measure(drive, check, phase=Phase.VERIFY, settle_s=settle_s)
    if runbook is not None and not repointed and (reading is None or reading.healthy is not False):
        guarding = await guard_reading(drive, Phase.VERIFY)
        if guarding is not None and guarding.healthy is False:
            worse = replace(guarding, text=f"The runbook's guard does not hold. {guarding.text}")
        else:
            own, missing = await _own_checks(drive, runbook)
            missing += ["guard"] if guarding is not None and guarding.healthy is None else []
    finding = conclude(worse or reading, own, missing=missing)
    cancelled = cancelled or await drive.cancelled()
    run = drive.run
    outcome = _outcome(run, finding.verified, cancelled=cancelled)
    takes_back = _takes_back(drive, finding.verified, outcome)
    reason = finding.text if finding.verified is Verified.NO or not run.reason else run.reason
    word = f"Verified: {finding.verified.value}. {finding.text}"
    await drive.save(
        drive.go(Node.UNDO if takes_back else Node.FINAL, verified=finding.verified, outcome=outcome, reason=reason),
        events=(drive.event(EventType.REFLECTION, Node.VERIFY, word, metadata={"verified": finding.verified.value}),),
        measured=measurement(drive, reading),
        audit=(drive.audit("run.verified", verified=finding.verified.value),),
    )


async def undo(drive: Drive) -> None:
    """Take back, newest claim first; the first undo that fails stops, and a person is told."""
    await _end_interrupted(drive)
    open_ends = unresolved(drive.steps)
    if open_ends:
        await _escalate(drive, f"Nothing more was taken back: what became of step {open_ends[0].number} is not known.")
        return
    tried = [step for step in drive.steps if step.undo_of and step.status is StepStatus.FAILED]
    if any(step.may_have_had_effect for step in tried):
        await _escalate(drive, f"Nothing more was taken back: {tried[0].name} had failed.")
        return
    done: list[str] = []
    for step in to_undo(drive.steps):
        if not step.command.undo:
            done.append(f"{step.name} has no undo")
            continue
        for reversal in reversals(step, drive.steps, restore=_restores(step)):
            failure = await _take_back(drive, reversal)
            if drive.parked:
                return
            if failure:
                await _escalate(drive, f"Undo of {step.name} stopped: {failure}")
                return
        if _restores(step) and (failure := await _differs(drive, step)):
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
    drive.run = drive.run.begin(drive.kit.clock.now()).spent(usage)
    learned = await _learn(drive)
    for left in reversed(range(_CLOSE_TRIES)):
        try:
            await _close(drive, summary, learned)
        except IllegalMove as error:
            if error.extra.get("stale") != "ticket" or not left:
                raise
            continue  # a person changed the ticket meanwhile, or an alert joined it: once more on it as it is now
        return


async def _learn(drive: Drive) -> Draft | None:
    """The draft of a runbook this run suggests, stored; the same one when the run comes here again."""
    if not teaches(drive.run, drive.steps):
        return None
    connections = await drive.kit.stores.connections.list(drive.run.tenant)
    draft = drive.kit.learn(drive.run, drive.steps, await drive.ticket(), connections)
    return await drive.kit.stores.drafts.put(draft) if draft else None


async def _close(drive: Drive, summary: Summary, learned: Draft | None) -> None:
    ticket = await drive.ticket()
    others = await drive.kit.stores.triage.members(ticket.tenant, ticket.id) if ticket and ticket.members > 1 else ()
    closed = drive.kit.close(
        drive.run,
        ticket,
        summary=summary.text,
        recommendations=summary.recommendations,
        others_firing=sum(one.firing and one.fingerprint != drive.run.fingerprint for one in others),
    )
    events = [drive.event(EventType.FINAL, Node.FINAL, summary.text, metadata={"status": closed.run.status.value})]
    if learned:
        said = f"A draft of a runbook was learned: opsagent runbooks draft {learned.run_id}"
        events.append(drive.event(EventType.REFLECTION, Node.FINAL, said))
    if closed.notices:
        told = ", ".join(notice.channel for notice in closed.notices)
        events.append(drive.event(EventType.NOTIFICATION, Node.FINAL, f"The result goes out by {told}."))
    await drive.save(
        closed.run,
        ticket=closed.ticket,
        ending=closed.ending,
        audit=closed.audit,
        notices=closed.notices,
        events=events,
    )


def _outcome(run: Run, verified: Verified, *, cancelled: bool) -> RunStatus:
    if cancelled or run.outcome is RunStatus.CANCELLED:
        return RunStatus.CANCELLED
    if verified is Verified.NO or (verified is Verified.NOT_MEASURABLE and run.outcome is RunStatus.FAILED):
        return RunStatus.FAILED
    return RunStatus.COMPLETED


def _takes_back(drive: Drive, verified: Verified, outcome: RunStatus) -> bool:
    """What did not help goes back, and so does a repair that stopped halfway where nothing measures what it did.

    The latter only where somebody declared how: an undo that says nothing could be taken back would hide why it ended.
    """
    if outcome is RunStatus.CANCELLED:
        return False
    touched = to_undo(drive.steps)
    if verified is Verified.NO or (drive.run.take_back and verified is not Verified.YES):
        return bool(touched)
    halfway = verified is Verified.NOT_MEASURABLE and outcome is RunStatus.FAILED
    return halfway and any(step.command.undo for step in touched)


async def _own_checks(drive: Drive, runbook: Runbook) -> tuple[list[Step], list[str]]:
    """The runbook's Verify steps whose condition holds, run; and those that could not be rendered."""
    own: list[Step] = []
    missing: list[str] = []
    for template in runbook.steps:
        if template.phase is Phase.VERIFY and holds(template.when, drive.steps):
            try:
                connection = await drive.connection(template.connection)
                values = await drive.values(connection)
                step = drive.kit.propose(drive.run, template, connection, drive.steps, values)
            except (InputError, NotFound):
                missing.append(template.name)
                continue
            own.append(await look(drive, step))
    return own, missing


async def _take_back(drive: Drive, reversal: Reversal) -> str:
    """Run one reversal; the reason it failed, empty when it held. With `drive.parked` it is tried again later."""
    if await drive.cancelled():
        return "a person cancelled it"
    original = reversal.step.command
    try:
        connection = await drive.target_of(reversal.step)
        content = None
        if reversal.artifact:
            content = await drive.kit.artifacts.get(drive.run.tenant, reversal.artifact)
    except (NotFound, UnavailableError) as error:
        if error.retryable:
            raise
        return error.message
    if (original.connection_id, original.connection_version) != (connection.id, connection.version):
        return f"{connection.name} was registered anew and now names another target"
    proposed = drive.kit.propose.plain(
        drive.run,
        connection,
        drive.steps,
        name=f"undo {reversal.step.name}",
        phase=Phase.ROLLBACK,
        text=reversal.text,
        stdin_artifact=reversal.artifact,
        undo_of=reversal.step.id,
        why=f"takes back step {reversal.step.number}",
        bound=original.bound,
        timeout_s=max(original.timeout_s, 30.0),
        author=original.author,
    )
    step = await judged(drive, proposed, connection)
    async with drive.kit.slot(step.tenant, connection.name):
        if why := await _not_approved(drive, reversal, step) or await _frozen(drive, connection):
            return why
        if await taken_over(drive, Node.UNDO):
            return ""
        return await _run_undo(drive, reversal, step, connection, content)


async def _frozen(drive: Drive, connection: Connection) -> str:
    """Why nothing may be taken back there now: how long half a repair may stand is a person's decision."""
    freeze = None if connection.is_scratch else await frozen(drive, connection)
    return freeze_words(freeze, connection) if freeze else ""


async def _not_approved(drive: Drive, reversal: Reversal, step: Step) -> str:
    """Why who approved the step did not approve this; empty when they did."""
    if step.verdict is None or step.verdict.decision is Decision.DENY:
        return step.verdict.reason if step.verdict else "it could not be judged"
    if step.verdict.decision is Decision.ASK:
        if not reversal.step.approval_id:
            return "nobody has approved it"
        given = await drive.kit.stores.approvals.get(drive.run.tenant, reversal.step.approval_id)
        if step.verdict.persons > given.persons or (step.verdict.four_eyes and not given.four_eyes):
            return f"rule {step.verdict.rule} asks for more people than approved it"
    known = dict(reversal.step.command.files)
    changed = [path for path, found in step.command.files if known.get(path, found) != found]
    return f"{changed[0]}, which it executes, has changed since it was approved" if changed else ""


async def _run_undo(drive: Drive, reversal: Reversal, step: Step, connection: Connection, content: bytes | None) -> str:
    now = drive.kit.clock.now()
    claimed = replace(step.move(StepStatus.CLAIMED, now), claimed_at=now, claimed_place=connection.place)
    target = effect_target(step, connection)
    claim = EffectClaim(step_id=step.id, attempt=step.attempt, target=target, digest=step.digest)
    try:
        await drive.save(
            drive.run,
            steps=(claimed,),
            claim=claim,
            audit=(drive.audit("undo.claimed", claimed, command=step.command.text),),
            events=(drive.event(EventType.TOOL_CALL, Node.UNDO, step.why, step=claimed),),
        )
    except (TargetBusy, Disabled) as error:
        await wait(drive, error, Node.UNDO)
        return "" if drive.parked else "a person cancelled it"
    # Only now is the target ours, so that nothing of this installation can come between the look and the write.
    if reversal.path and (why := await changed_since(drive, reversal.step, connection, reversal.path)):
        await _undo_ended(drive, claimed, Trace(traced=Traced.NEVER_STARTED))
        return why
    trace = await perform(drive, claimed, connection, stdin=content)
    return await _undo_ended(drive, claimed, trace)


async def _undo_ended(drive: Drive, claimed: Step, trace: Trace) -> str:
    """Write down how an undo ended; why it did not hold, empty when it did."""
    now = drive.kit.clock.now()
    if trace.traced is Traced.NEVER_STARTED:
        ended, reason = claimed.move(StepStatus.NOT_HAPPENED, now), "it never started"
    elif trace.traced is Traced.FINISHED and trace.outcome is not None:
        ended, reason = drive.kit.execute.concluded(claimed, trace.outcome)
    else:
        ended, reason = claimed.move(StepStatus.UNKNOWN, now), "nobody knows whether it happened"
    output = ended.outcome.stdout + ended.outcome.stderr if ended.outcome else ""
    await drive.save(
        drive.run,
        steps=(ended,),
        release_target="" if ended.status is StepStatus.UNKNOWN else ended.id,
        audit=(drive.audit(f"undo.{ended.status.value}", ended),),
        events=(drive.event(EventType.TOOL_RESULT, Node.UNDO, reason, step=ended, output=output),),
    )
    return "" if ended.status is StepStatus.SUCCEEDED else reason


def _restores(step: Step) -> bool:
    """Whether its undo writes back what was kept; words of a declared undo that read like it are a command."""
    return step.command.undo == RESTORE and bool(step.command.keeps)


async def _differs(drive: Drive, step: Step) -> str:
    """Which restored path is not what it was before, whoever restored it; empty when all are."""
    connection = await drive.target_of(step)
    for path, saved in step.saved.items():
        content = await drive.kit.artifacts.get(drive.run.tenant, saved.artifact) if saved.artifact else None
        try:
            held = await drive.kit.execute.keep(step, connection, path)
        except ExecutionError as error:
            return error.message
        if held.content != content:
            return f"{path} is not what it was before"
    return ""


async def _end_interrupted(drive: Drive) -> None:
    """An undo an earlier worker began: its token says what became of it; what cannot be told stays unknown."""
    for step in [one for one in drive.steps if one.undo_of and one.status is StepStatus.CLAIMED]:
        try:
            trace = await traced(drive, step, await drive.target_of(step))
        except NotFound:
            trace = Trace(traced=Traced.UNKNOWN)
        await _undo_ended(drive, step, trace)


async def _escalate(drive: Drive, reason: str) -> None:
    status = RunStatus.CANCELLED if await drive.cancelled() else RunStatus.FAILED
    await drive.save(
        drive.go(Node.FINAL, outcome=status, reason=reason),
        events=(drive.event(EventType.ERROR, Node.UNDO, reason),),
        audit=(drive.audit("undo.stopped", reason=reason),),
    )
