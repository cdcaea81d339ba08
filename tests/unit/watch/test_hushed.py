"""What was silenced and still fires gets its run when the silence ends, whether or not its source tells again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.calendar import CronCalendar
from opsagent.adapters.stores.memory import open_memory
from opsagent.domain.matcher import read_matcher
from opsagent.domain.silence import Silence
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.ports.stores import Stores
from opsagent.stages.correlate import Correlate
from opsagent.stages.silence import FindSilence
from opsagent.watch.hushed import PAGE, HushedWatch
from store_nouns import Nouns


@dataclass
class Quiet:
    """A store, a watch on it, and the moves a test makes."""

    stores: Stores
    clock: ManualClock
    nouns: Nouns
    find: FindSilence

    async def receive(self, tenant: str, signals: Sequence[Signal]) -> object:
        correlate = Correlate(tickets=self.stores.tickets, clock=self.clock, ids=self.nouns.ids)
        return await correlate(signals, silenced=await self.find(tenant, signals))

    async def look(self) -> int:
        watch = HushedWatch(
            silences=self.stores.silences,
            tickets=self.stores.tickets,
            silenced=self.find,
            receive=self.receive,
            clock=self.clock,
            ids=self.nouns.ids,
        )
        return await watch.look()

    async def silence(self, matcher: str, seconds: float, tenant: str = "acme") -> None:
        now = self.clock.now()
        made = Silence(
            id=self.nouns.ids.uuid(),
            tenant=tenant,
            matchers=(read_matcher(matcher),),
            starts_at=now,
            ends_at=now + seconds,
            comment="c",
            by="person:ada",
        )
        await self.stores.silences.put(made)

    async def fire(self, fingerprint: str = "f1", **changes: object) -> None:
        signal = replace(self.nouns.arrival(fingerprint).signal, **changes)  # type: ignore[arg-type]
        await self.receive(signal.tenant, [signal])

    async def runs(self, tenant: str = "acme") -> list[str]:
        return sorted(run.fingerprint for run in (await self.stores.runs.list(tenant, limit=1000)).items)


@pytest.fixture
async def quiet() -> AsyncIterator[Quiet]:
    clock, ids = ManualClock(), SeededIds()
    stores = open_memory(clock, ids)
    await stores.housekeeping.open()
    find = FindSilence(silences=stores.silences, calendar=CronCalendar(), clock=clock)
    yield Quiet(stores, clock, Nouns(clock, ids), find)
    await stores.housekeeping.close()


async def test_a_run_starts_at_the_end_of_the_silence_though_nobody_tells_again(quiet: Quiet) -> None:
    await quiet.silence("alertname=DiskFull", 600)
    await quiet.fire()
    assert await quiet.look() == 0
    quiet.clock.move(599)
    assert (await quiet.look(), await quiet.runs()) == (0, [])
    quiet.clock.move(1)
    assert (await quiet.look(), await quiet.runs()) == (1, ["f1"])
    assert (await quiet.look(), await quiet.runs()) == (0, ["f1"])
    (ticket,) = (await quiet.stores.tickets.list("acme")).items
    assert (ticket.silenced, ticket.signals) == ("", 2)
    assert (await quiet.stores.tickets.signals("acme", ticket.id))[-1].delivery.startswith("unsilenced:")


async def test_what_is_over_by_then_gets_none(quiet: Quiet) -> None:
    await quiet.silence("alertname=DiskFull", 600)
    await quiet.fire()
    await quiet.fire(status=SignalStatus.RESOLVED)
    quiet.clock.move(600)
    assert (await quiet.look(), await quiet.runs()) == (0, [])


async def test_what_another_silence_still_holds_waits_on(quiet: Quiet) -> None:
    await quiet.silence("alertname=DiskFull", 600)
    await quiet.silence("instance=web-1", 900)
    await quiet.fire("f1")
    await quiet.fire("f2", labels={"instance": "web-2"})
    quiet.clock.move(600)
    assert (await quiet.look(), await quiet.runs()) == (1, ["f2"])
    quiet.clock.move(300)
    assert (await quiet.look(), await quiet.runs()) == (1, ["f1", "f2"])


async def test_its_newest_labels_count(quiet: Quiet) -> None:
    await quiet.silence("instance=web-1", 600)
    await quiet.silence("team=shop", 900)
    await quiet.fire("f1")
    await quiet.fire("f1", labels={"instance": "web-1", "team": "shop"})
    quiet.clock.move(600)
    assert (await quiet.look(), await quiet.runs()) == (0, [])


async def test_more_than_a_page_and_every_tenant(quiet: Quiet) -> None:
    for tenant in ("acme", "zeta"):
        await quiet.silence("alertname=DiskFull", 600, tenant)
    signals = [quiet.nouns.arrival(f"f{number}").signal for number in range(PAGE + 5)]
    await quiet.receive("acme", signals)
    await quiet.fire(tenant="zeta")
    quiet.clock.move(600)
    assert await quiet.look() == PAGE + 6
    assert len(await quiet.runs()) == PAGE + 5
    assert await quiet.runs("zeta") == ["f1"]
