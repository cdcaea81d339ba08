"""Firings by the clock: each starts one run, whoever dies, is late or overlaps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.calendar import CronCalendar
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.event import AuditEntry
from opsagent.domain.run import Run, RunResult, RunStatus, Source
from opsagent.domain.schedule import Missed, Overlap, Schedule, Timing
from opsagent.domain.trigger import Trigger
from opsagent.errors import StoreUnavailable
from opsagent.ports.stores import Change, IdempotencyKey, Stores
from opsagent.stages.accept import Accept
from opsagent.watch.schedules import Scheduler

START = datetime.fromisoformat("2027-03-01T02:00:00+00:00").timestamp()
HOURLY = Timing(cron="0 * * * *")


@dataclass
class Clockwork:
    """A store, a scheduler on it, and the moves a test makes."""

    stores: Stores
    clock: ManualClock
    accept: Accept
    failing: list[Exception] = field(default_factory=list)

    async def submit(self, trigger: Trigger, key: IdempotencyKey) -> Run:
        if self.failing:
            raise self.failing.pop()
        return await self.accept(trigger, key=key)

    def scheduler(self, stores: Stores | None = None) -> Scheduler:
        """One process's; each test may make more of them on the same store."""
        return Scheduler(
            schedules=(stores or self.stores).schedules,
            runs=self.stores.runs,
            calendar=CronCalendar(),
            clock=self.clock,
            submit=self.submit,
        )

    async def add(self, timing: Timing = HOURLY, **changes: object) -> Schedule:
        made = Schedule(id="", tenant="acme", name="hourly", timing=timing, text="look", next_at=START + 3600)
        return await self.stores.schedules.put(replace(made, **changes), "person:ada")  # type: ignore[arg-type]

    async def tick(self, seconds: float = 0.0) -> int:
        self.clock.move(seconds)
        return await self.scheduler().run_once()

    async def runs(self) -> list[Run]:
        return [*reversed((await self.stores.runs.list("acme")).items)]

    async def schedule(self) -> Schedule:
        return await self.stores.schedules.get("acme", "hourly")

    async def told(self) -> list[AuditEntry]:
        return [one for one in await self.stores.audit.list("acme") if one.action.startswith("schedule.")][1:]

    async def end(self, run: Run) -> None:
        claimed = await self.stores.runs.claim("acme", run.id, "w", 60)
        assert claimed is not None
        lease, held = claimed
        now = self.clock.now()
        ended = held.begin(now).end(RunStatus.COMPLETED, now, result=RunResult(summary="done"))
        await self.stores.runs.save(lease, Change(run=ended))


@pytest.fixture
async def works(tmp_path: Path) -> AsyncIterator[Clockwork]:
    clock, ids = ManualClock(START), SeededIds()
    stores = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    await stores.housekeeping.open()
    accept = Accept(runs=stores.runs, runbooks=stores.runbooks, connections=stores.connections, clock=clock, ids=ids)
    yield Clockwork(stores, clock, accept)
    await stores.housekeeping.close()


async def test_a_firing_starts_one_run_and_says_whose_it_is(works: Clockwork) -> None:
    made = await works.add(parameters={"host": "web-1"})
    assert await works.tick(3599) == 0
    assert await works.tick(1) == 1
    assert await works.tick(1) == 0
    (run,) = await works.runs()
    assert (run.source, run.requested_by, run.task) == (Source.SCHEDULE, "schedule:hourly", "look")
    assert dict(run.parameters) == {"host": "web-1"}
    assert run.trigger == {"schedule": "hourly", "scheduledFor": "2027-03-01T03:00:00Z", "madeBy": "person:ada"}
    after = await works.schedule()
    assert (after.next_at, after.last_at, after.last_run_id) == (START + 7200, START + 3600, run.id)
    assert after.version == made.version
    assert [(one.action, one.run_id) for one in await works.told()] == [("schedule.fired", run.id)]


async def test_two_processes_start_a_firing_once(works: Clockwork) -> None:
    await works.add()
    works.clock.move(3600)
    looked = await asyncio.gather(*[works.scheduler().run_once() for _ in range(8)])
    assert sum(looked) == 1
    assert len(await works.runs()) == 1


@pytest.mark.parametrize("missed", list(Missed))
async def test_dying_between_the_run_and_settling_starts_nothing_twice(works: Clockwork, missed: Missed) -> None:
    await works.add(missed=missed)
    works.clock.move(3601)

    class Dies:
        """The store of a process that is killed before it settles."""

        def __getattr__(self, name: str) -> object:
            return getattr(works.stores.schedules, name)

        async def settle(self, *_: object) -> bool:
            raise KeyboardInterrupt

    dying = works.scheduler()
    dying.schedules = Dies()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        await dying.run_once()
    (run,) = await works.runs()
    assert await works.tick(29) == 0, "the dead one's claim holds"
    assert await works.tick(600) == 1, "and runs out; it is not late, somebody had seen it in time"
    assert [one.id for one in await works.runs()] == [run.id]
    after = await works.schedule()
    assert (after.last_run_id, after.next_at) == (run.id, START + 7200)
    assert [one.action for one in await works.told()] == ["schedule.fired"]


async def test_dying_between_the_claim_and_the_run_loses_nothing(works: Clockwork) -> None:
    await works.add()
    works.clock.move(3600)
    works.failing.append(StoreUnavailable("the disk is full", fix="free some"))
    assert await works.scheduler().run_once() == 1
    assert not await works.runs() and not await works.told()
    await works.tick(30)
    (run,) = await works.runs()
    assert run.trigger["scheduledFor"] == "2027-03-01T03:00:00Z"
    assert "missed" not in run.trigger


async def test_firings_while_the_server_was_down_start_one_run_that_says_so(works: Clockwork) -> None:
    await works.add()
    await works.tick(3600 * 6 + 1800)  # 03:00 to 08:00 were missed, it is 08:30
    (run,) = await works.runs()
    assert run.trigger["missed"] == "6"
    assert run.trigger["scheduledFor"] == "2027-03-01T03:00:00Z"
    assert "one run for 6" in run.trigger["note"]
    assert (await works.schedule()).next_at == START + 7 * 3600
    assert await works.tick(1) == 0


async def test_missed_firings_are_left_out_by_rule(works: Clockwork) -> None:
    await works.add(missed=Missed.SKIP)
    await works.tick(3600 * 6 + 1800)
    assert not await works.runs()
    (told,) = await works.told()
    assert (told.action, told.detail["missed"]) == ("schedule.missed", "6")
    await works.tick(1800)
    assert len(await works.runs()) == 1, "the next one is on time"


async def test_very_many_missed_firings_cost_little(works: Clockwork) -> None:
    await works.add(Timing(cron="* * * * *"), next_at=START + 60)
    await works.tick(30 * 86400)
    (run,) = await works.runs()
    assert run.trigger["missed"] == "1000 or more"
    assert (await works.schedule()).next_at == works.clock.now() + 60


async def test_a_run_that_is_still_open_is_not_overlapped(works: Clockwork) -> None:
    await works.add()
    await works.tick(3600)
    (run,) = await works.runs()
    await works.tick(3600)
    assert len(await works.runs()) == 1
    assert [one.action for one in await works.told()] == ["schedule.fired", "schedule.skipped"]
    why = (await works.told())[-1].detail["why"]
    assert run.id in why and "the rule is skip" in why
    await works.end(run)
    await works.tick(3600)
    assert len(await works.runs()) == 2


async def test_one_firing_waits_for_the_end_of_the_run_before_it(works: Clockwork) -> None:
    await works.add(overlap=Overlap.QUEUE)
    await works.tick(3600)
    (run,) = await works.runs()
    for _ in range(3):  # 04:00 waits; 05:00 and 06:00 come meanwhile
        await works.tick(3600)
        await works.tick(60)
    assert len(await works.runs()) == 1
    assert [one.action for one in await works.told()] == [
        "schedule.fired",
        "schedule.queued",
        "schedule.skipped",
        "schedule.skipped",
    ]
    await works.end(run)
    await works.tick(60)
    _, second = await works.runs()
    assert second.trigger["scheduledFor"] == "2027-03-01T04:00:00Z"
    after = await works.schedule()
    assert (after.queued_at, after.last_run_id, after.next_at) == (None, second.id, START + 5 * 3600)


async def test_what_cannot_be_started_is_said_and_the_next_one_is_tried(works: Clockwork) -> None:
    await works.add(connection="gone")
    await works.tick(3600)
    assert not await works.runs()
    (told,) = await works.told()
    assert told.action == "schedule.failed" and "gone" in told.detail["why"]
    assert (await works.schedule()).next_at == START + 7200


async def test_a_caller_cannot_take_the_key_of_a_firing(works: Clockwork) -> None:
    """Keys of callers have no spaces (web/bodies.py); that of a firing does."""
    made = await works.add()
    assert " " in made.firing


async def test_the_loop_goes_on_until_it_is_stopped(works: Clockwork) -> None:
    await works.add()
    scheduler = works.scheduler()
    task = asyncio.create_task(scheduler.run())
    works.clock.move(3600)

    async with asyncio.timeout(10):
        while not await works.runs():
            works.clock.move(1)
    scheduler.stop()
    async with asyncio.timeout(5):
        await task
