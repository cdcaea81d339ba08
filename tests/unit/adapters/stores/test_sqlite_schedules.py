"""Firings when the plug is pulled, and when several processes see one at once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.schedule import Schedule, Timing
from opsagent.ports.stores import Stores

Start = Callable[..., subprocess.Popen[str]]
WRITES = ("schedules.take", "runs.create", "schedules.settle")
PLACES = ("before_begin", "after_begin", "before_commit", "after_commit")


async def with_schedules(folder: Path, count: int = 1) -> tuple[Stores, float]:
    """A store with schedules that fired a second ago and will not again for an hour."""
    stores = open_sqlite(SqliteConfig(folder=folder), SystemClock(), SystemIds())
    await stores.housekeeping.open()
    due = SystemClock().now() - 1
    for number in range(count):
        timing = Timing(every_s=3600, starts_at=due)
        made = Schedule(id="", tenant="acme", name=f"s{number}", timing=timing, text="look", next_at=due)
        await stores.schedules.put(made, "person:ada")
    return stores, due


async def ended(process: subprocess.Popen[str]) -> int:
    await asyncio.to_thread(process.communicate)
    return process.returncode


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("write", WRITES)
async def test_kill_9_anywhere_starts_a_firing_once(tmp_path: Path, child: Start, write: str, place: str) -> None:
    stores, _ = await with_schedules(tmp_path)
    assert await ended(child("fire", f"{write}.{place}", "1", "kill")) == -signal.SIGKILL
    for _ in range(2):
        assert await ended(child("fire")) == 0
    (run,) = (await stores.runs.list("acme")).items
    assert "missed" not in run.trigger
    schedule = await stores.schedules.get("acme", "s0")
    assert schedule.last_run_id == run.id
    assert schedule.next_at is not None and schedule.next_at > SystemClock().now()
    told = [entry.action for entry in await stores.audit.list("acme")]
    assert told == ["schedule.put", "run.accepted", "schedule.fired"]
    await stores.housekeeping.close()


async def test_four_processes_that_claim_nothing_from_each_other_start_each_firing_once(
    tmp_path: Path, child: Start
) -> None:
    stores, _ = await with_schedules(tmp_path, 15)
    codes = await asyncio.gather(*[ended(child("fire")) for _ in range(4)])  # their claims run out at once
    assert codes == [0] * 4
    runs = (await stores.runs.list("acme", limit=200)).items
    assert sorted(run.trigger["schedule"] for run in runs) == sorted(f"s{number}" for number in range(15))
    told = [entry.action for entry in await stores.audit.list("acme")]
    assert told.count("schedule.fired") == 15
    await stores.housekeeping.close()
