from __future__ import annotations

import asyncio
import gc

from opsagent.adapters.live import LiveHub
from opsagent.domain.event import EventType, RunEvent


def event(number: int, run: str = "r1", tenant: str = "t1") -> RunEvent:
    return RunEvent(
        run_id=run, tenant=tenant, type=EventType.EXECUTION, node="tools", content=str(number), sequence=number
    )


async def waiting(watcher) -> list[RunEvent | None]:
    watcher.close()
    return [one async for one in watcher]


async def test_a_watcher_sees_its_run_and_a_tenant_sees_all_of_its_runs() -> None:
    hub = LiveHub()
    run, tenant, other = hub.watch("t1", "r1"), hub.watch("t1"), hub.watch("t2")
    for one in (event(1), event(2, run="r2"), event(3, tenant="t2")):
        hub.publish(one)
    hub.changed("t1", "r2")
    assert await waiting(run) == [event(1)]
    assert await waiting(tenant) == [event(1), event(2, run="r2"), None]
    assert await waiting(other) == [event(3, tenant="t2")]


async def test_a_watcher_waits_for_what_comes() -> None:
    hub = LiveHub()
    watcher = hub.watch("t1", "r1")
    reading = asyncio.create_task(anext(watcher))
    await asyncio.sleep(0)
    assert not reading.done()
    hub.publish(event(1))
    assert await reading == event(1)


async def test_a_slow_watcher_loses_events_and_is_told_to_look_again() -> None:
    hub = LiveHub(queue_events=3)
    slow, quick = hub.watch("t1", "r1"), hub.watch("t1", "r1")
    seen = []
    for number in range(1, 6):
        hub.publish(event(number))
        seen.append(await anext(quick))
    assert [one.sequence for one in seen] == [1, 2, 3, 4, 5]
    assert await waiting(slow) == [None, event(5)]


async def test_looking_again_is_said_once() -> None:
    hub = LiveHub()
    watcher = hub.watch("t1", "r1")
    for _ in range(1000):
        hub.changed("t1", "r1")
    assert await waiting(watcher) == [None]


async def test_closing_the_hub_ends_everybody_at_once_and_later_ones_too() -> None:
    hub = LiveHub()
    watcher = hub.watch("t1")
    reading = asyncio.create_task(anext(watcher, "ended"))
    await asyncio.sleep(0)
    hub.close()
    assert await reading == "ended"
    assert [one async for one in hub.watch("t1")] == []


async def test_one_that_stops_watching_is_forgotten() -> None:
    hub = LiveHub()
    watcher = hub.watch("t1", "r1")
    await watcher.aclose()
    hub.publish(event(1))
    assert await waiting(watcher) == []
    del watcher
    gc.collect()
    assert hub.watching() == 0
    hub.publish(event(2))


async def test_a_cancelled_reader_leaves_the_hub_working() -> None:
    hub = LiveHub()
    watcher = hub.watch("t1", "r1")
    reading = asyncio.create_task(anext(watcher))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    hub.publish(event(1))
    assert await anext(watcher) == event(1)
