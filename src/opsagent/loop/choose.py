"""Choose: ask the reasoner for the next move, and render it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from opsagent.domain.command import Command
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.plan import Excerpt, Plan
from opsagent.domain.run import Node, Run, RunStatus, Usage
from opsagent.domain.runbook import RunbookStep
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import InputError, NotFound
from opsagent.loop.drive import Drive
from opsagent.loop.holding import end, taken_over
from opsagent.ports.reasoner import Done, Move, NeedMore, Proposal, Skip

READ_ON_BYTES = 16 * 1024  # the most a model reads on in at once
SAME_LOOKS = 3  # a model that asks for the same command so often goes round in circles


async def generate(drive: Drive) -> None:
    """Ask the reasoner for the next move, and render it."""
    if await drive.cancelled():
        await end(drive, RunStatus.CANCELLED, "A person cancelled it.")
        return
    if await taken_over(drive, Node.GENERATE) or await started_too_often(drive):
        return
    skipped: list[Step] = []
    spent = Usage()
    while True:
        situation = replace(await drive.situation(), steps=(*drive.steps, *skipped))
        move, usage = await drive.think(drive.kit.reasoner.propose(situation))
        spent = spent.plus(usage)
        if not isinstance(move, Skip):
            break
        skipped.append(_unrun(drive, move.step, [*drive.steps, *skipped], StepStatus.SKIPPED, move.why))
    drive.run = drive.run.spent(spent)
    events = [drive.event(EventType.EXECUTION, Node.GENERATE, f"Skipped {s.name}: {s.why}", step=s) for s in skipped]
    await _follow(drive, move, skipped, events, spent)


async def started_too_often(drive: Drive) -> bool:
    """Count one more start; ends the run where that, or its time at work, is beyond the limit."""
    now = drive.kit.clock.now()
    run = replace(drive.run.begin(now), generate_starts=drive.run.generate_starts + 1)
    limits = drive.kit.limits
    if run.generate_starts > limits.generate_starts:
        await end(drive, RunStatus.FAILED, f"It reached its limit of {limits.generate_starts} proposals.")
        return True
    if run.active_for(now) > limits.active_s:
        await end(drive, RunStatus.FAILED, f"It reached its limit of {limits.active_s:.0f} s of work.")
        return True
    drive.run = run
    return False


async def read_on(drive: Drive, wanted: Excerpt, node: Node, usage: Usage) -> None:
    """Store what a model wants to read on in, and ask again at `node`; what stands there is read then."""
    start = max(0, wanted.start)
    excerpt = replace(wanted, start=start, end=min(max(start, wanted.end), start + READ_ON_BYTES))
    if excerpt in drive.run.excerpts:
        await end(
            drive, RunStatus.FAILED, "The model asked twice for the same stretch of an output, and got no further."
        )
        return
    said = f"Reads on: bytes {excerpt.start} to {excerpt.end} of what step {excerpt.step} wrote."
    await drive.save(
        drive.go(node, excerpts=(*drive.run.excerpts, excerpt)),
        events=(drive.event(EventType.EXECUTION, node, said, usage=usage),),
    )


async def _follow(drive: Drive, move: Move, skipped: Sequence[Step], events: Sequence[RunEvent], spent: Usage) -> None:
    """Write down where the move leads."""
    if isinstance(move, NeedMore):
        await read_on(drive, move.excerpt, Node.GENERATE, spent)
        return
    if not isinstance(move, Proposal):
        status = None if isinstance(move, Done) and move.ok else RunStatus.FAILED
        ended = drive.go(drive.after_effects(), outcome=status, reason=move.reason if isinstance(move, Done) else "")
        word = drive.event(EventType.EXECUTION, Node.GENERATE, ended.reason, usage=spent)
        await drive.save(ended, steps=skipped, events=(*events, word))
        return
    template, run = move.step, drive.run
    if template.author:
        run = _noted(run, template)
        drive.run = run
    journal = [*drive.steps, *skipped]
    try:
        connection = await drive.connection(template.connection)
        values = await drive.values(connection)
        step = drive.kit.propose(run, template, connection, journal, values)
    except (InputError, NotFound) as error:
        if template.author:
            await _turn_down(drive, _unrun(drive, template, journal, StepStatus.REFUSED, error.message), spent)
            return
        await drive.save(drive.run, steps=skipped, events=events)
        await end(drive, RunStatus.FAILED, f"{template.name}: {error.message}")
        return
    if template.author and await _said_before(drive, step, spent):
        return
    await drive.save(
        drive.go(Node.GUARD, current_step=step.id, waiting=""),
        steps=(*skipped, step),
        events=(
            *events,
            drive.event(EventType.EXECUTION, Node.GENERATE, move.why or template.why, step=step, usage=spent),
        ),
    )


def _noted(run: Run, template: RunbookStep) -> Run:
    """The run with a model's step in its plan: what is not stored is not used."""
    plan = run.plan or Plan(steps=(), reason="", by=template.author)
    if plan.step(template.name) is not None:
        return run
    return replace(run, plan=replace(plan, steps=(*plan.steps, template)))


async def _said_before(drive: Drive, step: Step, spent: Usage) -> bool:
    """A model that repeats itself: what was refused is not asked again, and going round in circles ends."""
    alike = [
        one
        for one in drive.steps
        if (one.command.text, one.command.connection_id) == (step.command.text, step.command.connection_id)
    ]
    if any(one.status is StepStatus.REFUSED for one in alike):
        said = "It was refused before in this run, so it is not asked about again."
        await _turn_down(drive, replace(step.move(StepStatus.REFUSED, drive.kit.clock.now()), why=said), spent)
        return True
    times = len({one.name for one in alike})
    if times >= SAME_LOOKS:
        said = f"The model wanted the same command again after {times} times, and got no further: {step.command.text}"
        await end(drive, RunStatus.FAILED, said)
        return True
    return False


async def _turn_down(drive: Drive, refused: Step, spent: Usage) -> None:
    """A model's step that cannot even be judged; what that means is decided in revise."""
    await drive.save(
        drive.go(Node.REVISE, reason=refused.why, current_step=refused.id),
        steps=(refused,),
        events=(drive.event(EventType.APPROVAL, Node.GENERATE, refused.why, step=refused, usage=spent),),
        audit=(drive.audit("step.refused", refused, reason=refused.why),),
    )


def _unrun(drive: Drive, template: RunbookStep, journal: Sequence[Step], status: StepStatus, why: str) -> Step:
    """A step that is journaled and never rendered: passed over, or turned down."""
    now = drive.kit.clock.now()
    number = max((step.number for step in journal), default=0) + 1
    return Step(
        id=f"{drive.run.id}.{number}",
        run_id=drive.run.id,
        tenant=drive.run.tenant,
        number=number,
        name=template.name,
        phase=template.phase,
        command=Command(executor=template.executor, text=template.text, connection_id="", author=template.author),
        status=status,
        why=why,
        created_at=now,
        updated_at=now,
    )
