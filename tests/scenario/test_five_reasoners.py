"""The demo's incident under each of the five reasoners, with a restart between the question and its answer.

The shop, its supervisor, its runbook and its policy are the demo's own; the model is scripted and asked over real HTTP.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from house import PERSON, TENANT, House, World
from model_house import EVALUATE, MODEL, PLAN, REFLECT, SUMMARISE, asking, change, evaluated, obedient, planned
from opsagent.adapters.clock import SystemClock
from opsagent.bootstrap import build
from opsagent.cli.demo import stage
from opsagent.cli.demo.incidents import fill_data
from opsagent.cli.demo.shop import Shop
from opsagent.domain.identity import Role
from opsagent.domain.run import Run, RunStatus, Verified
from opsagent.domain.ticket import TicketStatus
from opsagent.settings import Settings
from servers.model import KEY, ScriptedModel, scripted_model
from thinkers import FRAMEWORKS, runners

ADMIN = replace(PERSON, role=Role.ADMIN)
NAMES = tuple(FRAMEWORKS)
PAIRS = tuple(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))
THREE_ORDERS = 3


@dataclass(frozen=True)
class Demo:
    """The demo's shop, and an OpsAgent that is started on the same data folder as often as it is asked for."""

    shop: Shop
    folders: stage.Folders
    settings: Settings
    model: ScriptedModel

    @asynccontextmanager
    async def house(self, reasoner: str) -> AsyncIterator[House]:
        models = Settings.load(asking(self.model, reasoner=reasoner), environ={}).models
        async with build(self.settings.model_copy(update={"models": models}), serving=False) as app:
            yield House(app, World(self.shop.folder))

    async def register(self, house: House) -> None:
        await stage._register(stage.Stage(app=house.app, shop=self.shop, folders=self.folders, url="", person=ADMIN))


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as made:
        yield obedient(made)
        assert KEY not in made.sent()
    assert not runners()


@pytest_asyncio.fixture
async def demo(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[Demo]:
    folders = stage.Folders(root=tmp_path)
    folders.shop.mkdir(parents=True)
    policy = folders.scratch / "policy.yaml"
    place = json.dumps(str(folders.shop / "democtl"))
    policy.write_text(stage._packaged("policy.yaml", json.dumps(stage.WRITTEN_FOR), place))
    shop = Shop(folder=folders.shop, scratch=folders.scratch, clock=SystemClock())
    try:
        await shop.start()
        settings = stage.demo_settings(folders, policy)
        execution = settings.execution.model_copy(update={"host_reach_tenants": (TENANT,)})
        yield Demo(shop, folders, settings.model_copy(update={"execution": execution}), model)
    finally:
        await shop.close()


def asked_by(run: Run) -> set[str]:
    """Which framework, with which voices, asked the model for this run."""
    return {one.removeprefix(f"{MODEL} by ") for one in run.usage.by}


def spoken(name: str) -> str:
    return f"{name} ({', '.join(FRAMEWORKS[name].voices)})"


@pytest.mark.parametrize("reasoner", ["runbook", *NAMES])
async def test_the_incident_is_repaired_across_a_restart(demo: Demo, model: ScriptedModel, reasoner: str) -> None:
    async with demo.house(reasoner) as house:
        await demo.register(house)
        await fill_data(demo.shop)
        assert not await demo.shop.healthy()
        run = await house.drive(await house.alert())
        assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
        assert not await demo.shop.healthy()
    async with demo.house(reasoner) as house:
        run = await house.approve(run)
        assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
        assert (await house.app.stores.tickets.get(TENANT, run.ticket_id)).status is TicketStatus.RESOLVED
    assert await demo.shop.healthy()
    assert (await demo.shop.facts()).orders == THREE_ORDERS
    assert (run.usage.input_tokens, run.usage.output_tokens) == model.usage()
    if reasoner == "runbook":
        assert not model.asked
    else:
        assert asked_by(run) == {spoken(reasoner)}
        assert model.of(REFLECT)
        assert model.of(SUMMARISE)


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{one}-{other}" for one, other in PAIRS])
async def test_begun_under_one_framework_and_finished_under_another(
    demo: Demo, model: ScriptedModel, first: str, second: str
) -> None:
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(change("find {{connection.cache}} -name '*.tmp' -delete")))
    async with demo.house(first) as house:
        await demo.register(house)
        await fill_data(demo.shop)
        run = await house.drive(await house.alert("ShopIsSomehowSick"))
        assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
        assert asked_by(run) == {spoken(first)}
        assert not model.of(REFLECT)
    async with demo.house(second) as house:
        run = await house.approve(run)
        assert (run.status, run.had_effect) == (RunStatus.COMPLETED, True), await house.timeline(run)
        assert run.verified is Verified.NOT_MEASURABLE, "a model's repair closes nothing"
        assert (await house.app.stores.tickets.get(TENANT, run.ticket_id)).status is TicketStatus.ESCALATED
    assert await demo.shop.healthy()
    assert (await demo.shop.facts()).orders == THREE_ORDERS
    assert asked_by(run) == {spoken(first), spoken(second)}
    assert (run.usage.input_tokens, run.usage.output_tokens) == model.usage()
