"""What the store says, keeps and does again when the disk or the file lets it down."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.failpoints import Action, FailpointHit, Failpoints
from opsagent.adapters.stores.memory import open_memory
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.run import Run
from opsagent.errors import FolderInUse, StoreUnavailable
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns

Start = Callable[..., "subprocess.Popen[str]"]


async def limit_pages(stores: Stores, pages: int) -> None:
    """What a full disk is to SQLite: no page more."""
    engine = stores.runs._engine  # type: ignore[attr-defined] # the one way to the writer's own connection
    await engine.write("test", lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}"))


async def test_a_full_disk_refuses_keeps_and_recovers(stores: Stores, nouns: Nouns) -> None:
    await limit_pages(stores, 1)  # the least it takes is the present size
    kept: list[Run] = []

    async def fill() -> None:
        while True:
            kept.append(await stores.runs.create(nouns.run(task="x" * 5000)))

    with pytest.raises(StoreUnavailable, match="full") as caught:
        await fill()
    assert "Free some space" in caught.value.fix
    many = await asyncio.gather(
        *[stores.runs.create(nouns.run(task="x" * 5000)) for _ in range(30)], return_exceptions=True
    )
    assert {type(one) for one in many} == {StoreUnavailable}
    assert {run.id for run in (await stores.runs.list("acme", limit=1000)).items} == {run.id for run in kept}
    await limit_pages(stores, 1_000_000)
    assert await stores.housekeeping.check() == ""
    await stores.runs.create(nouns.run(task="x" * 5000))


async def test_a_file_that_may_not_grow_refuses_and_recovers(child: Start) -> None:
    output = (await asyncio.to_thread(child("fill_up").communicate))[0]
    refused, full, well, kept = output.splitlines()
    assert refused.startswith("StoreUnavailable: The disk of the data folder")
    assert "Nothing of this request was stored." in refused
    assert full.startswith("check: The disk of the data folder")
    assert well == "check: "
    assert int(kept.removeprefix("kept ")) > 3


async def test_a_locked_database_refuses_in_time_and_recovers(stores: Stores, nouns: Nouns, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "opsagent.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked") as caught:
            await stores.runs.create(nouns.run())
        assert "fuser" in caught.value.fix
        assert (await stores.runs.list("acme")).items == ()  # readers go on
        assert "locked" in await stores.housekeeping.check()
        other.execute("ROLLBACK")
    await stores.runs.create(nouns.run())
    assert await stores.housekeeping.check() == ""


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_database_that_was_taken_away_is_not_written_to(
    stores: Stores, nouns: Nouns, tmp_path: Path, replaced: bool
) -> None:
    file = tmp_path / "opsagent.db"
    file.rename(tmp_path / "elsewhere.db")
    if replaced:
        file.touch()
    with pytest.raises(StoreUnavailable, match="removed or replaced") as caught:
        await stores.runs.create(nouns.run())
    assert "restart" in caught.value.fix
    with pytest.raises(StoreUnavailable):
        await stores.runs.list("acme")
    (tmp_path / "elsewhere.db").rename(file)
    await stores.runs.create(nouns.run())


async def test_a_closed_store_says_so(tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns) -> None:
    stores = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="closed"):
            await stores.runs.create(nouns.run())
        with pytest.raises(StoreUnavailable, match="closed"):
            await stores.runs.list("acme")
        await stores.housekeeping.open()
        await stores.housekeeping.close()


async def test_closing_finishes_what_was_begun(
    tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns
) -> None:
    stores = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    await stores.housekeeping.open()
    begun = [asyncio.ensure_future(stores.runs.create(nouns.run())) for _ in range(50)]
    await asyncio.sleep(0)  # let each of them queue its write
    await stores.housekeeping.close()
    made = await asyncio.gather(*begun)
    await stores.housekeeping.open()
    assert {run.id for run in (await stores.runs.list("acme")).items} == {run.id for run in made}
    await stores.housekeeping.close()


async def test_events_that_cannot_be_written_are_dropped_and_the_rest_stands(
    stores: Stores, nouns: Nouns, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = await stores.runs.create(nouns.run())
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as other:
        other.execute("CREATE TRIGGER no_events BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'torn'); END")
    change = Change(
        run=claimed[1].begin(1.0), steps=[nouns.step(run)], events=[nouns.event(run)], audit=[nouns.entry()]
    )
    with caplog.at_level(logging.WARNING):
        await stores.runs.save(claimed[0], change)
    second = nouns.run()
    await stores.runs.create(second, events=[nouns.event(second)])
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert run.id in caplog.text
    assert len(await stores.journal.steps("acme", run.id)) == 1
    assert len(await stores.audit.list("acme")) == 1
    assert await stores.journal.events("acme", run.id) == []
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as other:
        other.execute("DROP TRIGGER no_events")
    (event,) = await stores.journal.append([nouns.event(run)])
    assert event.sequence == 2  # the dropped one leaves a gap, never a double


@pytest.mark.parametrize("place", ["before_begin", "after_begin", "before_commit", "after_commit"])
async def test_an_error_at_any_place_reaches_its_caller_and_the_store_goes_on(
    clock: ManualClock, ids: SeededIds, nouns: Nouns, place: str
) -> None:
    stores = open_memory(clock, ids, failpoints=Failpoints(f"runs.create.{place}", 1, Action.RAISE))
    await stores.housekeeping.open()
    with pytest.raises(FailpointHit):
        await stores.runs.create(nouns.run())
    assert len((await stores.runs.list("acme")).items) == (1 if place == "after_commit" else 0)
    await stores.runs.create(nouns.run())
    await stores.housekeeping.close()


async def test_a_second_server_is_told_about_the_first(
    tmp_path: Path, clock: ManualClock, ids: SeededIds, child: Start
) -> None:
    first = child("hold")
    assert first.stdout is not None
    assert first.stdout.readline() == "open\n"
    second = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    with pytest.raises(FolderInUse, match=rf"pid {first.pid}, http://127.0.0.1:8080") as caught:
        await second.housekeeping.open()
    assert "another data folder" in caught.value.fix
    beside = open_sqlite(SqliteConfig(folder=tmp_path, exclusive=False), clock, ids)
    await beside.housekeeping.open()
    await beside.housekeeping.close()
    first.send_signal(signal.SIGKILL)
    first.wait()
    await second.housekeeping.open()
    assert (tmp_path / "lock").read_text() == f"pid {os.getpid()}\n"
    await second.housekeeping.close()
    await second.housekeeping.open()
    await second.housekeeping.close()


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, clock: ManualClock, ids: SeededIds) -> None:
    (tmp_path / "file").write_text("not a folder")
    stores = open_sqlite(SqliteConfig(folder=tmp_path / "file" / "data"), clock, ids)
    with pytest.raises(StoreUnavailable, match="data"):
        await stores.housekeeping.open()
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "opsagent.db").write_text("this is not a database" * 100)
    stores = open_sqlite(SqliteConfig(folder=folder), clock, ids)
    for _ in range(2):  # the folder is let go each time
        with pytest.raises(StoreUnavailable, match="not a database"):
            await stores.housekeeping.open()


async def test_a_disk_that_keeps_no_log_is_refused_and_let_go(
    tmp_path: Path, clock: ManualClock, ids: SeededIds
) -> None:
    stores = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    await stores.housekeeping.open()
    await stores.housekeeping.close()
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN IMMEDIATE")  # while this is held the mode cannot be changed back, as on a shared disk
        with pytest.raises(StoreUnavailable):
            await open_sqlite(SqliteConfig(folder=tmp_path, busy_s=0.1), clock, ids).housekeeping.open()
    await stores.housekeeping.open()
    await stores.housekeeping.close()
