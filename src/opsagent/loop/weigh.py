"""Weigh: what does the newest outcome mean, and is there another way?"""

from __future__ import annotations

from opsagent.domain.event import EventType
from opsagent.domain.plan import Plan
from opsagent.domain.run import Node, RunStatus
from opsagent.domain.runbook import Phase
from opsagent.loop.choose import read_on, started_too_often
from opsagent.loop.drive import Drive
from opsagent.loop.holding import end
from opsagent.loop.looking import guard_reading
from opsagent.ports.reasoner import Done, NeedMore


async def reflect(drive: Drive) -> None:
    """What does the newest outcome mean, and where to go on?"""
    step = drive.current()
    if not step.is_read and step.phase is Phase.MITIGATION and (broken := await _broken(drive)):
        await drive.save(
            drive.go(drive.after_effects(), reason=broken, outcome=RunStatus.FAILED),
            events=(drive.event(EventType.REFLECTION, Node.REFLECT, broken, step=step),),
            audit=(drive.audit("guard.broken", step, reason=broken),),
        )
        return
    reflection, usage = await drive.think(drive.kit.reasoner.reflect(await drive.situation(), step))
    if reflection.next == "continue":
        run = drive.go(Node.GENERATE)
    elif reflection.next == "revise":
        run = drive.go(Node.REVISE, reason=reflection.reason)
    else:
        # Whether it was a failure is decided by verify, if the world may differ; else it was.
        back = reflection.next == "roll_back"
        run = drive.go(drive.after_effects(), reason=reflection.reason, outcome=RunStatus.FAILED, take_back=back)
    word = drive.event(EventType.REFLECTION, Node.REFLECT, reflection.reason, step=step, usage=usage)
    await drive.save(run.spent(usage), events=(word,))


async def revise(drive: Drive) -> None:
    """A step was refused or did not go as expected: is there another way? Runbooks alone know none but their `when`."""
    if await drive.cancelled():
        await end(drive, RunStatus.CANCELLED, "A person cancelled it.")
        return
    reason = drive.run.reason or f"Step {drive.current().name} did not go as expected."
    most = drive.kit.limits.revisions
    if drive.run.revisions >= most:
        await end(drive, RunStatus.FAILED, f"The plan was changed {most} times and did not work out. Last: {reason}")
        return
    if drive.run.plan is not None and await started_too_often(drive):
        return
    answer, usage = await drive.think(drive.kit.reasoner.revise(await drive.situation()))
    drive.run = drive.run.spent(usage)
    if isinstance(answer, NeedMore):
        await read_on(drive, answer.excerpt, Node.REVISE, usage)
        return
    if isinstance(answer, Done):
        await drive.save(
            drive.go(drive.after_effects(), outcome=RunStatus.FAILED, reason=reason),
            events=(
                drive.event(
                    EventType.REVISION, Node.REVISE, f"{answer.reason} {reason}", step=drive.current(), usage=usage
                ),
            ),
        )
        return
    await drive.save(
        drive.go(Node.GENERATE, plan=answer, revisions=drive.run.revisions + 1, reason=""),
        events=(drive.event(EventType.REVISION, Node.REVISE, plan_text(answer), usage=usage),),
    )


def plan_text(plan: Plan) -> str:
    """A plan for people; a model's is marked as its words."""
    lines = [f"{number}. {step.name}: {step.text}" for number, step in enumerate(plan.steps, start=1)]
    return "\n".join([f"In the words of {plan.by}: {plan.reason}" if plan.by else plan.reason, *lines])


async def _broken(drive: Drive) -> str:
    """Why the runbook's guard stops it here: what was done made something worse. Empty when it holds."""
    reading = await guard_reading(drive, Phase.VERIFY)
    return f"Stopped by the runbook's guard: {reading.text}" if reading and reading.healthy is False else ""
