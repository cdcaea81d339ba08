"""Every store backend, each opened and empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.memory import open_memory
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.ports.stores import Stores
from store_nouns import Nouns


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ids() -> SeededIds:
    return SeededIds()


@pytest.fixture
def nouns(clock: ManualClock, ids: SeededIds) -> Nouns:
    return Nouns(clock, ids)


@pytest.fixture(params=["memory", "sqlite"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, ids: SeededIds
) -> AsyncIterator[Stores]:
    opened = (
        open_memory(clock, ids) if request.param == "memory" else open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    )
    await opened.housekeeping.open()
    yield opened
    await opened.housekeeping.close()
