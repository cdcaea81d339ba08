"""A Watchdog alert is no ticket; its absence is one, told once, also over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.memory import open_memory
from opsagent.domain.heartbeat import Heartbeat
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import StoreUnavailable
from opsagent.ports.stores import Stores
from opsagent.stages.correlate import Correlate
from opsagent.watch.silence import SilenceWatch

MINUTE = 60.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def stores(clock: ManualClock) -> Stores:
    opened = open_memory(clock, SeededIds())
    await opened.housekeeping.open()
    yield opened
    await opened.housekeeping.close()


class Looked:
    """The heartbeats, and how often they were looked at."""

    def __init__(self, stores: Stores) -> None:
        self.stores, self.looks = stores, 0

    async def list(self) -> Sequence[Heartbeat]:
        self.looks += 1
        return await self.stores.heartbeats.list()

    async def told(self, tenant: str, source: str, at: float | None) -> None:
        await self.stores.heartbeats.told(tenant, source, at)

    async def twice_more(self) -> None:
        wanted = self.looks + 2
        async with asyncio.timeout(10):
            while self.looks < wanted:
                await asyncio.sleep(0)


class Ears:
    """Puts what is told into the store, as the agent does, and remembers it."""

    def __init__(self, stores: Stores, clock: ManualClock) -> None:
        self.correlate = Correlate(tickets=stores.tickets, clock=clock, ids=SeededIds(7))
        self.heard: list[tuple[str, str, SignalStatus]] = []
        self.down = False

    async def __call__(self, tenant: str, signals: Sequence[Signal]) -> None:
        if self.down:
            raise StoreUnavailable("The disk is full.", fix="Make room.")
        await self.correlate(signals)
        self.heard += [(tenant, one.source, one.status) for one in signals]


@pytest.fixture
def ears(stores: Stores, clock: ManualClock) -> Ears:
    return Ears(stores, clock)


def watch(stores: Stores, clock: ManualClock, ears: Ears, *, minutes: int = 10) -> SilenceWatch:
    return SilenceWatch(
        heartbeats=stores.heartbeats,
        receive=ears,
        clock=clock,
        ids=SeededIds(3),
        silent_after_s=minutes * MINUTE,
        every_s=0.01,
    )


async def test_silence_is_told_once_and_its_end_too(stores: Stores, clock: ManualClock, ears: Ears) -> None:
    watching = watch(stores, clock, ears)
    await watching.look()
    assert not ears.heard, "a source that never sent a heartbeat is not watched"
    await stores.heartbeats.beat("acme", "alertmanager", clock.now())
    await stores.heartbeats.beat("other", "grafana", clock.now() + 8 * MINUTE)
    clock.move(10 * MINUTE)
    await watching.look()
    assert not ears.heard
    clock.move(1)
    for _ in range(3):
        await watching.look()
    assert ears.heard == [("acme", "alertmanager", SignalStatus.FIRING)]
    (ticket,) = (await stores.tickets.list("acme")).items
    assert ticket.title.startswith("Alerting is silent: no heartbeat from alertmanager since 2027-01-15T08:00:00Z")
    assert (ticket.firing, ticket.signals, bool(ticket.run_id)) == (True, 1, True)
    await stores.heartbeats.beat("acme", "alertmanager", clock.now() + 5)
    await stores.heartbeats.beat("other", "grafana", clock.now() + 5)
    clock.move(6)
    for _ in range(2):
        await watching.look()
    (ticket,) = (await stores.tickets.list("acme")).items
    assert (ticket.firing, ticket.status.value) == (False, "open"), "its end tells the run and closes nothing"
    clock.move(11 * MINUTE)
    await watching.look()
    assert [one[1:] for one in ears.heard if one[0] == "acme"] == [
        ("alertmanager", SignalStatus.FIRING),
        ("alertmanager", SignalStatus.RESOLVED),
        ("alertmanager", SignalStatus.FIRING),
    ]


async def test_a_crash_between_telling_and_noting_tells_nothing_twice(
    stores: Stores, clock: ManualClock, ears: Ears
) -> None:
    await stores.heartbeats.beat("acme", "alertmanager", clock.now())
    clock.move(11 * MINUTE)
    await watch(stores, clock, ears).look()
    await stores.heartbeats.told("acme", "alertmanager", None)  # as if it had not been noted
    await watch(stores, clock, ears).look()
    (ticket,) = (await stores.tickets.list("acme")).items
    assert ticket.signals == 1


async def test_after_a_restart_the_stored_heartbeat_counts_after_a_moment_of_grace(
    stores: Stores, clock: ManualClock, ears: Ears
) -> None:
    await stores.heartbeats.beat("acme", "alertmanager", clock.now())
    clock.move(60 * MINUTE)  # we were down
    looked = Looked(stores)
    watching = replace(watch(stores, clock, ears), heartbeats=looked)
    running = asyncio.create_task(watching.run())
    await looked.twice_more()
    assert not ears.heard
    ears.down = True
    clock.move(5 * MINUTE + 1)
    await looked.twice_more()
    ears.down = False  # a store that was down costs a round, no more
    async with asyncio.timeout(10):
        while not ears.heard:
            await looked.twice_more()
    watching.stop()
    await asyncio.wait_for(running, 10)
    assert ears.heard == [("acme", "alertmanager", SignalStatus.FIRING)]


async def test_switched_off_it_does_not_run(stores: Stores, clock: ManualClock, ears: Ears) -> None:
    await asyncio.wait_for(watch(stores, clock, ears, minutes=0).run(), 10)
