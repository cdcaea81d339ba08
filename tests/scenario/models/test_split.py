"""A task with several goals: each is a run of its own, with the rights of the first and no more."""

from __future__ import annotations

from typing import Any

from house import PERSON, TENANT, House
from model_house import EVALUATE, PLAN, PROPOSE, change, done, evaluated, look, planned, step
from opsagent.domain.plan import subtask_run_id
from opsagent.domain.run import Run, RunStatus
from opsagent.errors import NotFound
from scenario_asks import ask
from servers.model import ScriptedModel

LOOK, COUNT, MEND = "say what the state is", "count what is there", "bring it back to health"


def goal(task: str, *after: int, kind: str = "look") -> dict[str, Any]:
    return {"task": task, "after": list(after), "kind": kind}


def script(model: ScriptedModel, *goals: dict[str, Any]) -> None:
    model.on(EVALUATE, say=evaluated("plan", goals=list(goals)))
    model.on(EVALUATE, LOOK, say=evaluated("fast"))
    model.on(EVALUATE, COUNT, say=evaluated("fast"))
    model.on(EVALUATE, MEND, say=evaluated("plan"))
    model.on(EVALUATE, "three things at once", say=evaluated("plan", goals=list(goals)))
    model.on(PROPOSE, LOOK, say=[step(look("cat {{connection.state}}")), done("It is out of coffee.")])
    model.on(PROPOSE, COUNT, say=[step(look("wc -l {{connection.state}}")), done("One line.")])
    model.on(PLAN, MEND, say=planned(change("touch {{connection.healthy}}")))


async def children(house: House, run: Run) -> list[Run | None]:
    found: list[Run | None] = []
    for place in range(len(run.subtasks)):
        try:
            found.append(await house.app.stores.runs.get(TENANT, subtask_run_id(run.id, place)))
        except NotFound:
            found.append(None)
    return found


async def test_looks_side_by_side_then_the_change_then_the_whole(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    script(model, goal(LOOK), goal(COUNT), goal(MEND, 0, kind="change"))
    run = await house.drive(await ask(house, "three things at once"))
    assert run.status is RunStatus.IN_PROGRESS, await house.timeline(run)
    assert run.waiting == "Waiting for 2 of 3 subtasks."
    first, second, third = await children(house, run)
    assert first is not None and second is not None and third is None
    assert {first.parent, second.parent} == {run.id}
    assert first.scope == ("shop",)
    for one in (second, first):
        assert (await house.drive(one)).status is RunStatus.COMPLETED
    run = await house.drive(run)
    (*_, third) = await children(house, run)
    assert third is not None
    third = await house.drive(third)
    assert third.status is RunStatus.AWAITING_APPROVAL, await house.timeline(third)
    assert "out of coffee" in model.of(PLAN, MEND)[0].user  # what it builds on was found out before
    assert (await house.approve(third)).status is RunStatus.COMPLETED
    run = await house.drive(run)
    assert (run.status, run.had_effect) == (RunStatus.COMPLETED, True), await house.timeline(run)
    assert run.result is not None
    for task in (LOOK, COUNT, MEND):
        assert f"{task}: completed" in run.result.summary
    assert "3 of 3 subtasks ended well." in run.result.summary


async def test_one_that_fails_hides_none_of_the_others(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    script(model, goal(LOOK), goal(COUNT), goal(MEND, 1, kind="change"))
    model.on(PROPOSE, COUNT, say=done("I cannot count.", ok=False))
    run = await house.drive(await ask(house, "three things at once"))
    for one in await children(house, run):
        if one is not None:
            await house.drive(one)
    run = await house.drive(run)
    assert run.status is RunStatus.FAILED
    assert run.result is not None
    summary = run.result.summary
    assert f"{LOOK}: completed" in summary
    assert f"{COUNT}: failed" in summary
    assert f"{MEND}: not begun" in summary
    assert "1 of 3 subtasks ended well. 1 did not begin" in summary
    assert not house.world.healthy.exists()


async def test_a_subtask_is_not_split_again_and_cancelling_the_whole_cancels_it(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking()
    script(model, goal(MEND, kind="change"), goal(COUNT, 0))
    model.on(EVALUATE, MEND, say=evaluated("plan", goals=[goal(LOOK), goal(COUNT)]))
    run = await house.drive(await ask(house, "three things at once"))
    child, other = await children(house, run)
    assert child is not None and other is None
    child = await house.drive(child)
    assert (child.status, child.subtasks) == (RunStatus.AWAITING_APPROVAL, ())
    await house.app.agent.cancel(PERSON, run.id)
    run = await house.drive(run)
    assert not run.ended
    assert (await house.drive(child)).status is RunStatus.CANCELLED
    run = await house.drive(run)
    assert run.status is RunStatus.CANCELLED, await house.timeline(run)
    assert not house.world.healthy.exists()


async def test_what_was_begun_is_not_begun_twice(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    script(model, goal(LOOK), goal(COUNT))
    run = await house.drive(await ask(house, "three things at once"))
    before = await children(house, run)
    run = await house.drive(run)  # as a worker does that knows nothing of the one before
    assert await children(house, run) == before
    assert len((await house.app.stores.runs.list(TENANT)).items) == 3
