"""Fixtures of the scenario tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from house import HEALS, PERSON, ROBOT, RUNBOOK, House, World, settings_for
from opsagent.bootstrap import build


@pytest.fixture
def world(tmp_path: Path) -> World:
    folder = tmp_path / "machine"
    folder.mkdir()
    made = World(folder)
    made.state.write_text("out of coffee\n")
    return made


@pytest_asyncio.fixture
async def make_house(tmp_path: Path, world: World) -> AsyncIterator[Callable[..., Awaitable[House]]]:
    async with AsyncExitStack() as stack:

        async def make(*, acting: bool = True, fix: str = HEALS, **changes: object) -> House:
            settings = settings_for(tmp_path / "data", **changes)
            app = await stack.enter_async_context(build(settings, serving=False))
            house = House(app, world)
            await app.stores.connections.put(world.connection(), PERSON.id)
            await house.add_runbook(RUNBOOK % {"fix": fix})
            await app.agent.switch(ROBOT, "acting", on=acting)
            return house

        yield make
