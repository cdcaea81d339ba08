"""Pull the plug while a task is split, while its parts begin, and while they end: none runs twice, none vanishes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

import victim
from house import PERSON, TENANT
from model_house import EVALUATE, PLAN, PROPOSE, asking, change, done, evaluated, look, planned, step
from opsagent.bootstrap import build
from opsagent.domain.plan import subtask_run_id
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.trigger import Trigger
from servers.model import ScriptedModel
from victim import Plug, counter

DEADLINE_S = 120.0
WHOLE, LOOK, MEND = "two things at once", "say what was seen", "append a line"


@pytest.fixture
def folder(tmp_path: Path, model: ScriptedModel) -> Path:
    goals = [
        {"task": LOOK, "after": [], "kind": "look"},
        {"task": MEND, "after": [0], "kind": "change"},
    ]
    model.on(EVALUATE, LOOK, say=evaluated("fast"))
    model.on(EVALUATE, MEND, say=evaluated("plan"))
    model.on(EVALUATE, WHOLE, say=evaluated("plan", goals=goals))
    model.on(PROPOSE, LOOK, say=[step(look("cat {{connection.seen}}")), done("seen"), done("seen"), done("seen")])
    model.on(PLAN, MEND, say=planned(change("echo x | tee -a {{connection.a}}")))
    asyncio.run(_prepare(tmp_path))
    return tmp_path


async def _prepare(folder: Path) -> None:
    (folder / "seen").write_text("seen\n")
    async with build(victim.settings_of(folder), serving=False) as app:
        await app.stores.connections.put(victim.of_this_machine(folder, 0), PERSON.id)
        await app.agent.submit(
            Trigger(tenant=TENANT, source=Source.API, text=WHOLE, requested_by=PERSON.id, connection="c0")
        )


def live(folder: Path, model: ScriptedModel, name: str = "", nth: int = 1) -> int:
    """One life of the worker, to its end."""
    process = victim.start(folder, Plug(name, nth=nth, settings=asking(model)))
    process.join(DEADLINE_S)
    assert process.exitcode is not None, "the victim hangs"
    return process.exitcode


async def _found(folder: Path) -> list[Run]:
    async with build(victim.settings_of(folder), serving=False) as app:
        return list((await app.stores.runs.list(TENANT)).items)


@pytest.mark.parametrize(("name", "nth"), [
    ("runs.create.before_commit", 1),  # the first part is not stored yet
    ("runs.create.after_commit", 1),  # it is, and the whole does not know
    ("runs.create.after_commit", 2),
    ("runs.save.before_commit", 2),
    ("runs.save.after_commit", 3),
    ("runs.claim_effect.after_commit", 1),
])  # fmt: skip
def test_each_part_is_one_run_and_its_effect_happens_once(
    folder: Path, model: ScriptedModel, name: str, nth: int
) -> None:
    assert live(folder, model, name, nth) == -signal.SIGKILL
    assert live(folder, model) == 0
    runs = {run.task: run for run in asyncio.run(_found(folder))}
    assert set(runs) == {WHOLE, LOOK, MEND}
    whole = runs[WHOLE]
    assert [runs[task].id for task in (LOOK, MEND)] == [subtask_run_id(whole.id, place) for place in (0, 1)]
    assert {run.status for run in runs.values()} == {RunStatus.COMPLETED}, runs
    assert whole.result is not None and "2 of 2 subtasks ended well." in whole.result.summary
    assert counter(folder, 0, "a").read_text() == "x\n"
