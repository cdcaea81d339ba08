"""Whoever watches all of a tenant is told of what was written, and not of signs of life."""

from __future__ import annotations

from pathlib import Path

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.connection import Connection
from opsagent.errors import NotFound


async def test_a_write_is_told_once_it_is_stored_and_a_failed_one_is_not(tmp_path: Path) -> None:
    told: list[str] = []
    stores = open_sqlite(
        SqliteConfig(folder=tmp_path), ManualClock(), SeededIds(), tell=lambda: told.append("something")
    )
    await stores.housekeeping.open()
    try:
        told.clear()
        await stores.connections.put(Connection(id="1", tenant="acme", name="web-1"), "person:ada")
        assert len(told) == 1
        with pytest.raises(NotFound):
            await stores.connections.delete("acme", "nothing", "person:ada")
        await stores.heartbeats.beat("acme", "alertmanager", 1.0)
        await stores.connections.list("acme")
        assert len(told) == 1
    finally:
        await stores.housekeeping.close()
