"""Split: a task with several goals becomes runs of their own; this one begins them, waits, and tells how they ended."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from opsagent.domain.connection import Connection
from opsagent.domain.event import AuditEntry, EventType
from opsagent.domain.plan import Subtask, out_of_reach, ready, subtask_run_id
from opsagent.domain.run import Mode, Node, Request, Run, RunStatus
from opsagent.errors import IllegalMove
from opsagent.loop.drive import Drive
from opsagent.ports.reasoner import Evaluation, Part


def may_split(run: Run, evaluation: Evaluation, connections: Sequence[Connection]) -> bool:
    """Once, and only a person's task: the alert of a ticket is one problem, and a subtask is not split again."""
    wanted = evaluation.mode is Mode.PLAN and run.mode in {Mode.AUTO, Mode.PLAN}
    return bool(wanted and evaluation.goals and connections and not run.ticket_id and not run.parent)


def goals_text(goals: Sequence[Subtask]) -> str:
    """The goals for people, each with what it waits for."""
    lines = []
    for number, one in enumerate(goals, start=1):
        after = ", ".join(str(before + 1) for before in one.after)
        lines.append(f"{number}. {one.task}" + (f" (after {after})" if after else ""))
    return "\n".join(lines)


async def subtasks(drive: Drive) -> None:
    """Begin what can begin; wait while any is under way; then say how all of them ended."""
    run = drive.run
    parts = await drive.parts()
    ended_well = [_ended_well(part) for part in parts]
    if await drive.cancelled():
        await _cancel(drive, parts)
        beginning: tuple[int, ...] = ()
    else:
        beginning = ready(run.subtasks, ended_well, [part.run is not None for part in parts])
        for place in beginning:
            await _begin(drive, place)
    under_way = sum(part.run is not None and not part.run.ended for part in parts) + len(beginning)
    if under_way:
        await _wait(drive, f"Waiting for {under_way} of {len(parts)} subtasks.")
        return
    await _ended(drive, parts, len(out_of_reach(run.subtasks, ended_well)))


def _ended_well(part: Part) -> bool | None:
    return None if part.run is None or not part.run.ended else part.run.status is RunStatus.COMPLETED


async def _begin(drive: Drive, place: int) -> None:
    """Store its run, with this one's rights and no more: the scope is what this run may use now, by name."""
    run, now = drive.run, drive.kit.clock.now()
    registered = await drive.kit.stores.connections.list(run.tenant)
    scope = tuple(one.name for one in registered if run.may_use(one))
    child = Run(
        id=subtask_run_id(run.id, place),
        tenant=run.tenant,
        source=run.source,
        task=run.subtasks[place].task,
        created_at=now,
        updated_at=now,
        requested_by=run.requested_by,
        priority=run.priority,
        scope=scope or run.scope or ("",),  # an empty one would stand for all targets; no target is called so
        request=Request(connection=run.request.connection),
        connection=run.request.connection,
        chosen_by=run.chosen_by,
        labels=run.labels,
        reply_to=run.reply_to,
        account_id=run.account_id,
        selected_skill=run.selected_skill,
        model=run.model,
        parent=run.id,
        only_looks=run.only_looks,
        due_at=now,
    )
    entry = AuditEntry(
        tenant=run.tenant,
        at=now,
        actor="opsagent",
        action="run.split_off",
        run_id=child.id,
        detail={"parent": run.id, "by": run.chosen_by},
    )
    with contextlib.suppress(IllegalMove):  # an earlier worker has begun it, and died before it could say so
        await drive.kit.stores.runs.create(child, audit=(entry,))


async def _cancel(drive: Drive, parts: Sequence[Part]) -> None:
    for part in parts:
        if part.run is not None and not part.run.ended:
            with contextlib.suppress(IllegalMove):  # it has ended meanwhile
                await drive.kit.stores.control.request_cancel(drive.run.tenant, part.run.id, "opsagent")


async def _wait(drive: Drive, said: str) -> None:
    now = drive.kit.clock.now()
    words = () if drive.run.waiting == said else (drive.event(EventType.EXECUTION, Node.SUBTASKS, said),)
    await drive.save(drive.go(Node.SUBTASKS).wait(now, until=now + drive.kit.limits.busy_s, why=said), events=words)
    drive.parked = True


async def _ended(drive: Drive, parts: Sequence[Part], unreached: int) -> None:
    """One that failed hides none of the others: each is told of, and the worst says how the whole ended."""
    well = sum(_ended_well(part) is True for part in parts)
    said = f"{well} of {len(parts)} subtasks ended well."
    said += f" {unreached} did not begin: what they build on did not end well." if unreached else ""
    cancelled = await drive.cancelled()
    outcome = RunStatus.CANCELLED if cancelled else RunStatus.COMPLETED if well == len(parts) else RunStatus.FAILED
    run = drive.go(Node.FINAL, outcome=outcome, reason=said, waiting="")
    run = replace(run, had_effect=any(part.run is not None and part.run.had_effect for part in parts))
    await drive.save(run, events=(drive.event(EventType.EXECUTION, Node.SUBTASKS, said),))
