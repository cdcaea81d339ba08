"""Escalations when the plug is pulled, and when several processes see one at once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.run import Run, RunResult, RunStatus
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns

Start = Callable[..., subprocess.Popen[str]]
PLACES = ("before_begin", "after_begin", "before_commit", "after_commit")


async def with_a_failure(folder: Path) -> tuple[Stores, Run]:
    clock, ids = SystemClock(), SystemIds()
    stores = open_sqlite(SqliteConfig(folder=folder), clock, ids)
    await stores.housekeeping.open()
    run = await stores.runs.create(Nouns(clock, ids).run())
    claimed = await stores.runs.claim(run.tenant, run.id, "w", 60)
    assert claimed is not None
    ended = claimed[1].begin(clock.now()).end(RunStatus.FAILED, clock.now(), result=RunResult(summary="no"))
    return stores, await stores.runs.save(claimed[0], Change(run=ended))


async def ended(process: subprocess.Popen[str]) -> int:
    await asyncio.to_thread(process.communicate)
    return process.returncode


async def told(stores: Stores, run: Run) -> tuple[list[str], list[str]]:
    """The steps of the notices, and the lines of the timeline."""
    notices = [one.id for one in (await stores.notices.list("acme")).items]
    lines = await stores.journal.events("acme", run.id)
    return sorted(" ".join(one.split(":")[0].split()[2:]) for one in notices), [one.content for one in lines]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("write", ["escalations.begin", "escalations.move"])
async def test_kill_9_anywhere_tells_each_step_once(tmp_path: Path, child: Start, write: str, place: str) -> None:
    stores, run = await with_a_failure(tmp_path)
    assert await ended(child("escalate", f"{write}.{place}", "1", "kill")) == -signal.SIGKILL
    for _ in range(2):
        assert await ended(child("escalate")) == 0
    assert await told(stores, run) == (
        ["0 0", "1 0"],
        ["p, step 1: told room (slack).", "p, step 2: told room (slack)."],
    )
    assert len((await stores.escalations.list("acme")).items) == 1
    await stores.housekeeping.close()


async def test_four_processes_at_once_tell_each_step_once(tmp_path: Path, child: Start) -> None:
    stores, run = await with_a_failure(tmp_path)
    assert await asyncio.gather(*[ended(child("escalate")) for _ in range(4)]) == [0] * 4
    assert await ended(child("escalate")) == 0
    steps, lines = await told(stores, run)
    assert (steps, len(lines)) == (["0 0", "1 0"], 2)
    await stores.housekeeping.close()
