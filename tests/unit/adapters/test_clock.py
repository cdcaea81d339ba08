"""The system's clock and ids, and the test's own."""

from __future__ import annotations

import asyncio
import uuid

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.clock import SystemClock, SystemIds


async def test_the_system_clock_goes_on() -> None:
    clock = SystemClock()
    before, started = clock.monotonic(), clock.now()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    assert clock.now() >= started
    assert clock.now() > 1_700_000_000


def test_system_ids_are_fresh() -> None:
    ids = SystemIds()
    assert uuid.UUID(ids.uuid()).version == 4
    assert len({ids.uuid() for _ in range(100)}) == len({ids.secret() for _ in range(100)}) == 100
    assert len(ids.secret()) >= 43  # 256 bits in base64
    assert all(0 <= ids.jitter() < 1 for _ in range(100))


async def test_a_manual_clock_wakes_whom_it_moved_past() -> None:
    clock = ManualClock()
    short, long = (asyncio.ensure_future(clock.sleep(seconds)) for seconds in (5, 50))
    await asyncio.sleep(0)  # let both begin to wait
    clock.move(5)
    await short
    assert not long.done()
    clock.move(45)
    await long
    assert clock.monotonic() == 50


def test_seeded_ids_repeat() -> None:
    assert SeededIds(3).uuid() == SeededIds(3).uuid() != SeededIds(4).uuid()
