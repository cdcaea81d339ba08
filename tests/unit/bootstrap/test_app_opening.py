"""An app opens whole or not at all, and says when its worker has stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from opsagent.bootstrap import App, build
from opsagent.errors import ExecutionError, StoreUnavailable
from opsagent.settings import Settings


def app_in(folder: Path) -> App:
    values = {"data_dir": folder, "sandbox_root": folder / "sandbox", "sweep_seconds": 0.05}
    return build(Settings.load(values, environ={}), serving=True)


async def test_a_probe_that_fails_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_in(tmp_path)

    async def broken() -> None:
        raise ExecutionError("The probe broke.", fix="Mend it.")

    monkeypatch.setattr(app.executor, "probe", broken)
    with pytest.raises(ExecutionError):
        await app.__aenter__()
    with pytest.raises(StoreUnavailable):
        await app.stores.runbooks.list("default")
    async with app_in(tmp_path) as second:
        assert not await second.stores.housekeeping.check()


async def test_a_store_that_opens_half_way_lets_go_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_in(tmp_path)
    really = app.stores.housekeeping.open

    async def half() -> None:
        await really()
        raise StoreUnavailable("The disk is full.", fix="Make room.")

    monkeypatch.setattr(app.stores.housekeeping, "open", half)
    with pytest.raises(StoreUnavailable):
        await app.__aenter__()
    async with app_in(tmp_path):
        assert len([task for task in asyncio.all_tasks() if task.get_name().startswith("opsagent-")]) == 3
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("opsagent-")]


async def test_readiness_tells_of_a_worker_that_has_stopped(tmp_path: Path) -> None:
    async with app_in(tmp_path) as app:
        assert "worker" not in (await app.readiness()).degraded
        await app.worker.stop()
        readiness = await app.readiness()
        assert readiness.ready
        assert "it has stopped" in readiness.degraded["worker"]
        assert "To mend: " in readiness.degraded["worker"]


async def test_an_app_that_serves_nothing_misses_no_worker(tmp_path: Path) -> None:
    async with build(Settings.load({"data_dir": tmp_path}, environ={}), serving=False) as app:
        assert "worker" not in (await app.readiness()).degraded
