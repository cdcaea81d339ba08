"""The heads of the audit record leave the store by themselves, and what is written anew afterwards shows."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.audit_heads import HeadFile
from opsagent.adapters.clock import SystemClock
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.event import AuditEntry
from opsagent.errors import UnavailableError
from opsagent.ports.stores import Stores
from opsagent.watch.heads import HeadWatch


@pytest_asyncio.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    made = open_sqlite(SqliteConfig(folder=tmp_path / "data"), ManualClock(), SeededIds())
    (tmp_path / "data").mkdir(mode=0o700)
    await made.housekeeping.open()
    yield made
    await made.housekeeping.close()


async def note(stores: Stores, *tenants: str) -> None:
    for tenant in tenants:
        await stores.audit.append([AuditEntry(tenant=tenant, at=1.0, actor="ada", action="run.accepted")])


def watching(stores: Stores, folder: Path, **changes: object) -> HeadWatch:
    fields: dict[str, object] = {"every_s": 3600.0, "clock": ManualClock()} | changes
    return HeadWatch(audit=stores.audit, keeper=HeadFile(folder), notices=stores.notices, **fields)  # type: ignore[arg-type]


async def test_each_head_that_moved_is_kept_once_and_posted(stores: Stores, tmp_path: Path) -> None:
    watch = watching(stores, tmp_path / "heads", url="https://keeper.example/heads")
    assert await watch.run_once() == 0
    await note(stores, "acme", "acme", "rival")
    assert await watch.run_once() == 2
    assert await watch.run_once() == 0
    await note(stores, "acme")
    assert await watch.run_once() == 1
    kept = await watch.keeper.kept("acme")
    assert [head.partition(":")[0] for head in kept] == ["2", "3"]
    assert (await stores.audit.verify("acme", heads=kept)).trouble == ""
    (posted, _) = (await stores.notices.list("acme")).items
    assert json.loads(posted.body)["auditHead"] == kept[-1]
    assert (posted.channel, posted.address) == ("webhook", "https://keeper.example/heads")


async def test_a_record_written_anew_disagrees_with_what_was_kept(stores: Stores, tmp_path: Path) -> None:
    await note(stores, "acme", "acme")
    watch = watching(stores, tmp_path / "heads")
    await watch.run_once()
    with closing(sqlite3.connect(tmp_path / "data" / "opsagent.db")) as database:
        database.execute("DELETE FROM audit")  # by somebody who has the key, too: then it is sealed anew
        database.commit()
    await stores.audit.append([AuditEntry(tenant="acme", at=9.0, actor="eve", action="run.accepted")] * 3)
    await watch.run_once()  # the forged head is kept as well, and the older one still stands before it
    assert (await stores.audit.verify("acme")).trouble == ""
    found = await stores.audit.verify("acme", heads=await watch.keeper.kept("acme"))
    assert "written anew" in found.trouble


async def test_it_looks_when_it_starts_and_once_more_when_it_stops(stores: Stores, tmp_path: Path) -> None:
    watch = watching(stores, tmp_path / "heads", clock=SystemClock())
    await note(stores, "acme")
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        while not await watch.keeper.kept("acme"):
            await asyncio.sleep(0.01)
    await note(stores, "acme")
    watch.stop()
    await running
    assert len(await watch.keeper.kept("acme")) == 2


async def test_a_line_that_a_crash_cut_short_costs_no_other(tmp_path: Path) -> None:
    keeper = HeadFile(tmp_path)
    await keeper.keep({"acme": "1:aa"}, 1.0)
    with (tmp_path / "heads.jsonl").open("a") as file:
        file.write('{"tenant": "acme", "he')
    await keeper.keep({"acme": "2:bb"}, 2.0)
    assert await keeper.kept("acme") == ["1:aa", "2:bb"]
    assert (tmp_path / "heads.jsonl").stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_takes_nothing_is_said_and_tried_again(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("no folder")
    await note(stores, "acme")
    watch = watching(stores, tmp_path / "heads")
    with pytest.raises(UnavailableError, match="cannot be kept"):
        await watch.run_once()
    (tmp_path / "heads").unlink()
    assert await watch.run_once() == 1
