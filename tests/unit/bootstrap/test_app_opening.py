"""An app opens whole or not at all, and says which of its parts has fallen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from local_shell import eventually
from opsagent.bootstrap import App, build, parts
from opsagent.domain.notice import Notice
from opsagent.errors import ExecutionError, StoreUnavailable
from opsagent.settings import Settings


def working() -> set[str]:
    """The parts that are at work."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return {name.removeprefix("opsagent-") for name in names if name.startswith("opsagent-")}


def app_in(folder: Path, **more: object) -> App:
    values = {"data_dir": folder, "sandbox_root": folder / "sandbox", "sweep_seconds": 0.05, **more}
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
        assert working()
    assert not working()


ALWAYS = {"worker", "outbox", "housekeeping", "escalations", "audit heads"}


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({}, ALWAYS | {"schedules", "hushed"}),
        ({"heartbeat_minutes": 15}, ALWAYS | {"schedules", "hushed", "silence"}),
        ({"enabled": False, "heartbeat_minutes": 15}, ALWAYS),
    ],
)
async def test_what_starts_runs_by_itself_works_while_intake_is_on(
    tmp_path: Path, values: dict[str, object], parts: set[str]
) -> None:
    async with app_in(tmp_path, **values):
        assert working() == parts


async def test_a_part_that_falls_is_started_again_and_readiness_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "FIRST_WAIT_S", 0.05)
    app = app_in(tmp_path)
    really, broken = app.outbox._take, ["the outbox is upside down"]

    async def take(room: int) -> Sequence[Notice]:
        if broken:
            raise ValueError(broken.pop())
        return await really(room)

    monkeypatch.setattr(app.outbox, "_take", take)
    async with app:
        await eventually(lambda: "outbox" in app.parts.trouble())
        readiness = await app.readiness()
        assert readiness.ready, "what comes in is stored"
        assert "it has stopped once, the last time because of ValueError" in readiness.degraded["outbox"]
        assert "To mend: " in readiness.degraded["outbox"]
        await eventually(lambda: "works" in app.parts.trouble()["outbox"])
        assert list(app.parts.trouble()) == ["outbox"]


async def test_an_app_that_serves_nothing_misses_no_worker(tmp_path: Path) -> None:
    async with build(Settings.load({"data_dir": tmp_path}, environ={}), serving=False) as app:
        assert not app.parts.trouble()


async def test_a_server_with_a_public_address_takes_nothing_without_proof(tmp_path: Path) -> None:
    for public_url, opened in (("", True), ("https://ops.example", False)):
        settings = Settings.load({"data_dir": tmp_path, "public_url": public_url}, environ={})
        config = build(settings, serving=False).web().state.deps.config
        assert (config.loopback, "alertmanager" in config.open_sources) == (True, opened)
