"""What holds a run back or ends it early: who has taken the ticket over, a freeze, a pause, a busy target, a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.connection import Connection
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.freeze import Freeze
from opsagent.domain.run import Node, Run, RunStatus
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import Disabled, TargetBusy
from opsagent.loop.drive import Drive


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


async def frozen(drive: Drive, connection: Connection) -> Freeze | None:
    """What lets nothing be changed on that target now; None where it may be."""
    now = drive.kit.clock.now()
    return next(
        (freeze for freeze in await drive.kit.find_freezes(drive.run.tenant) if freeze.holds(connection, now)), None
    )


def freeze_words(freeze: Freeze, connection: Connection) -> str:
    """Why nothing is changed there."""
    until = datetime.fromtimestamp(freeze.ends_at, UTC).isoformat(timespec="minutes")
    return f"Nothing is changed on {connection.name} until {until}: {freeze.reason} (freeze by {freeze.by})."


async def wait_for_thaw(
    drive: Drive,
    freeze: Freeze,
    connection: Connection,
    *,
    said: Sequence[RunEvent] = (),
    answered: Sequence[Approval] = (),
) -> None:
    """Nothing was started: look again at guard when the freeze ends, and before, because a person may lift it."""
    now, why = drive.kit.clock.now(), f"Waiting: {freeze_words(freeze, connection)}"
    events = () if drive.run.waiting == why else (drive.event(EventType.EXECUTION, Node.GUARD, why),)
    until = min(freeze.ends_at, now + drive.kit.limits.recheck_s)
    await drive.save(drive.go(Node.GUARD).wait(now, until=until, why=why), events=(*said, *events), answered=answered)
    drive.parked = True


def effect_target(step: Step, connection: Connection) -> str:
    """What only one effect at a time may change; a run's own scratch folder is nobody else's target."""
    return f"{connection.id}:{step.run_id}" if connection.is_scratch else connection.target


def spent(drive: Drive) -> str:
    """Why the run may change nothing more; empty while it may. What it takes back is not counted."""
    most = drive.kit.limits.per_run
    had = [step for step in drive.steps if step.may_have_had_effect and not step.undo_of]
    return f"It reached its limit of {most} effects in one run." if len(had) >= most else ""


async def wait(drive: Drive, error: TargetBusy | Disabled, node: Node) -> None:
    """Paused, cooling down, or somebody else's effect is under way: nothing was started; look again soon, at `node`."""
    if await drive.cancelled():
        await drive.save(drive.go(node))
        return
    asked = error.extra.get("retryAfter")
    seconds = max(float(asked), 1.0) if isinstance(asked, int | float) else drive.kit.limits.busy_s
    now = drive.kit.clock.now()
    said = f"Waiting: {error.message}"
    events = () if drive.run.waiting == said else (drive.event(EventType.EXECUTION, Node.TOOLS, said),)
    await drive.save(drive.go(node).wait(now, until=now + seconds, why=said), events=events)
    drive.parked = True


async def end(drive: Drive, status: RunStatus, reason: str) -> None:
    """Nothing more is tried: through verify if the world may differ; what was still proposed or asked is dropped."""
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
