"""Long-lived parts: whatever ends one, it is started again, less and less often, until it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from local_shell import eventually
from manual_clock import ManualClock
from opsagent.bootstrap.parts import FIRST_WAIT_S, LONGEST_WAIT_S, WELL_AFTER_S, Parts


async def _raises() -> None:
    raise KeyError("gone")


async def _returns() -> None:
    return


async def _is_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("end", "why"),
    [(_raises, "KeyError"), (_returns, "an end nobody asked for"), (_is_cancelled, "a cancellation")],
)
async def test_whatever_ends_it_is_said_and_it_stands_again(end: Callable[[], Awaitable[None]], why: str) -> None:
    clock, ends, up = ManualClock(), [end], asyncio.Event()
    stop = asyncio.Event()

    async def run() -> None:
        if ends:
            await ends.pop()()
        else:
            up.set()
            await stop.wait()

    parts = Parts(clock=clock)
    parts.start("outbox", run)
    await eventually(parts.trouble)
    assert f"because of {why}. It is started again soon." in parts.trouble()["outbox"]
    clock.move(FIRST_WAIT_S)
    await up.wait()
    assert "It has been started again and works." in parts.trouble()["outbox"]
    clock.move(WELL_AFTER_S)
    assert not parts.trouble()
    parts.stopping()
    stop.set()
    await parts.ended()
    assert not parts.trouble()


async def test_one_that_falls_again_and_again_is_started_less_and_less_often() -> None:
    clock, starts = ManualClock(), []

    async def run() -> None:
        starts.append(clock.monotonic())
        raise ValueError

    parts = Parts(clock=clock)
    parts.start("worker", run)
    wait_s = FIRST_WAIT_S
    for number in range(1, 10):
        await eventually(lambda number=number: len(starts) == number and "again soon" in parts.trouble()["worker"])
        clock.move(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
    await eventually(lambda: len(starts) == 10 and "again soon" in parts.trouble()["worker"])
    assert "stopped 10 times" in parts.trouble()["worker"]
    assert starts[-1] - starts[-2] == LONGEST_WAIT_S
    parts.stopping()  # it does not wait for the next start
    await parts.ended()
    assert len(starts) == 10
