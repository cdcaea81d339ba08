from __future__ import annotations

import asyncio

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.dispatch.inprocess import InProcessDispatch


async def test_a_hint_from_before_ends_the_wait_at_once() -> None:
    dispatch = InProcessDispatch(SystemClock())
    dispatch.hint("t", "r")
    async with asyncio.timeout(5):
        await dispatch.wait(3600)


async def test_a_hint_wakes_whoever_waits() -> None:
    dispatch = InProcessDispatch(SystemClock())
    waiting = [asyncio.create_task(dispatch.wait(3600)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    dispatch.hint("t", "r")
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def test_a_hint_is_used_up() -> None:
    dispatch = InProcessDispatch(SystemClock())
    dispatch.hint("t", "r")
    await dispatch.wait(3600)
    second = asyncio.create_task(dispatch.wait(3600))
    done, _ = await asyncio.wait({second}, timeout=0.02)
    assert not done
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def test_the_wait_ends_by_itself_and_leaves_nothing_running() -> None:
    dispatch = InProcessDispatch(SystemClock())
    before = asyncio.all_tasks()
    await dispatch.wait(0.001)
    assert asyncio.all_tasks() == before
