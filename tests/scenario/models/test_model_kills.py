"""Pull the plug while a model thinks, between what it said and what is stored, and between a yes and the effect."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

import victim
from house import PERSON, TENANT
from model_house import EVALUATE, PLAN, asking, change, evaluated, look, planned
from opsagent.bootstrap import build
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.spending import Amount
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.trigger import Trigger
from servers.model import Answer, ScriptedModel
from victim import Plug, counter

DEADLINE_S = 120.0
PLANS = ("a", "b", "c", "d")  # each time it is asked the model has another plan, with a counter of its own


async def _prepare(folder: Path) -> None:
    (folder / "seen").write_text("seen\n")
    async with build(victim.settings_of(folder), serving=False) as app:
        await app.stores.connections.put(victim.of_this_machine(folder, 0), PERSON.id)
        await app.agent.submit(
            Trigger(tenant=TENANT, source=Source.API, text="append", requested_by=PERSON.id, connection="c0")
        )


async def _found(folder: Path) -> tuple[Run, Sequence[Step], Amount]:
    async with build(victim.settings_of(folder), serving=False) as app:
        (run,) = (await app.stores.runs.list(TENANT)).items
        spent = await app.stores.spending.spent(TENANT, run_id=run.id)
        return run, await app.stores.journal.steps(TENANT, run.id), spent


def plan(name: str) -> dict[str, object]:
    append = f"echo x | tee -a {{{{connection.{name}}}}}"
    return planned(look("cat {{connection.seen}}"), change(append), reason=f"plan {name}")


@pytest.fixture
def folder(tmp_path: Path, model: ScriptedModel) -> Path:
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=[plan(name) for name in PLANS])
    asyncio.run(_prepare(tmp_path))
    return tmp_path


def live(folder: Path, model: ScriptedModel, name: str = "", nth: int = 1) -> int:
    """One life of a worker, to its end."""
    process = victim.start(folder, Plug(name, nth=nth, settings=asking(model)))
    process.join(DEADLINE_S)
    assert process.exitcode is not None, "the victim hangs"
    return process.exitcode


def once(folder: Path) -> tuple[Run, Sequence[Step], Amount]:
    """The run came to its end, followed one plan, and its effect happened once."""
    run, steps, spent = asyncio.run(_found(folder))
    assert run.status is RunStatus.COMPLETED, run
    assert run.plan is not None
    name = run.plan.reason.removeprefix("plan ")
    counts = {one: counter(folder, 0, one) for one in PLANS}
    assert {one: path.read_text() for one, path in counts.items() if path.exists()} == {name: "x\n"}
    assert [step.status for step in steps if step.name == "2-mend"].count(StepStatus.SUCCEEDED) == 1
    return run, steps, spent


def test_a_worker_killed_while_a_model_thinks(folder: Path, model: ScriptedModel) -> None:
    hold = threading.Event()
    model.on(PLAN, say=[Answer(hold=hold), plan("b")])
    process = victim.start(folder, Plug(settings=asking(model)))
    model.until(1, PLAN)
    process.kill()
    process.join(DEADLINE_S)
    hold.set()
    assert live(folder, model) == 0
    run, _, spent = once(folder)
    assert len(model.of(EVALUATE)) == 1
    assert len(model.of(PLAN)) == 2
    known = run.usage.input_tokens + run.usage.output_tokens
    assert spent.tokens > known + 4096, "what the killed worker had asked is not counted"


def test_a_worker_killed_again_and_again_follows_the_plan_it_began(folder: Path, model: ScriptedModel) -> None:
    lives = 1  # of five saves each: what an earlier life let through is judged anew, which takes two by itself
    while (code := live(folder, model, "runs.save.before_commit", nth=5)) != 0:
        assert code == -signal.SIGKILL
        lives += 1
        assert lives < 30
    assert lives > 1
    once(folder)


def test_a_worker_killed_between_the_answer_and_its_save_asks_again(folder: Path, model: ScriptedModel) -> None:
    """The second save is the plan: the answer of the first asking is gone, what it cost is not."""
    assert live(folder, model, "runs.save.before_commit", nth=2) == -signal.SIGKILL
    assert len(model.of(PLAN)) == 1
    assert live(folder, model) == 0
    run, _, spent = once(folder)
    assert len(model.of(PLAN)) == 2
    assert spent.tokens == sum(sum(one.usage) for one in model.asked)
    assert run.usage.input_tokens + run.usage.output_tokens < spent.tokens


def test_a_worker_killed_between_the_yes_and_the_effect(folder: Path, model: ScriptedModel) -> None:
    assert live(folder, model, "runs.claim_effect.after_commit") == -signal.SIGKILL
    run, steps, _ = asyncio.run(_found(folder))
    assert [step.status for step in steps if step.name == "2-mend"] == [StepStatus.CLAIMED]
    assert run.plan is not None
    assert live(folder, model) == 0
    after, steps, _ = once(folder)
    assert after.plan == run.plan
    assert [step.status for step in steps if step.name == "2-mend"] == [StepStatus.NOT_HAPPENED, StepStatus.SUCCEEDED]
    assert len(model.of(PLAN)) == 1
