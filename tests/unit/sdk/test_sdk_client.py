from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import opsagent
from opsagent import OpsAgent, RunStatus
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.errors import ConflictError, Forbidden, NotFound
from opsagent.settings import Settings

RUNBOOK = """---
id: marker-gone
title: The marker is gone
---
# The marker is gone

## Mitigation

```shell name=put
touch {{connection.marker}}
```
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    given: Mapping[str, object] = {
        "data_dir": tmp_path / "data",
        "sandbox_root": tmp_path / "sandbox",
        "host_reach": True,
        "settle_seconds": 0,
        "cooldown_seconds": 0,
    }
    return Settings.load(given, environ={})


async def _prepared(agent: OpsAgent, marker: Path) -> None:
    await agent.add_runbook(RUNBOOK)
    stores = agent._app.stores
    target = Connection(id="", tenant="default", name="m", reach=Reach.HOST, values={"marker": str(marker)})
    await stores.connections.put(target, "test")
    await stores.control.set_switch("default", "acting", True, "test")


async def test_a_person_lets_an_effect_happen(settings: Settings, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    async with OpsAgent(settings=settings, person="ada") as agent:
        await _prepared(agent, marker)
        run = await agent.execute("bring it back", runbook="marker-gone", connection="m", priority="high")
        assert run.status is RunStatus.AWAITING_APPROVAL
        (question,) = await agent.pending(run.id)
        assert str(marker) in question.command
        run = await agent.approve(question, notes="go on")
        assert run.ended
        assert marker.exists()
        (approval,) = (await agent.view(run.id)).approvals
        assert (approval.decided_by, approval.notes) == ("person:ada", "go on")


async def test_a_program_without_a_person_decides_nothing(settings: Settings, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    async with OpsAgent(settings=settings) as agent:
        await _prepared(agent, marker)
        run = await agent.execute("bring it back", runbook="marker-gone", connection="m")
        (question,) = await agent.pending()
        with pytest.raises(Forbidden):
            await agent.approve(question)
        assert (await agent.cancel(run.id)).status is RunStatus.CANCELLED
        assert not marker.exists()


async def test_it_says_when_it_is_not_open(settings: Settings) -> None:
    with pytest.raises(ConflictError):
        await OpsAgent(settings=settings).submit("x")
    async with OpsAgent(settings=settings) as agent:
        with pytest.raises(NotFound):
            await agent.view("00000000-0000-4000-8000-000000000000")


def test_the_root_offers_it_lazily() -> None:
    assert "OpsAgent" in dir(opsagent)
    with pytest.raises(AttributeError):
        _ = opsagent.nothing  # type: ignore[attr-defined]
