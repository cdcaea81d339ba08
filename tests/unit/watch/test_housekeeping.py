"""Housekeeping deletes what is past its time, and comes again after a store that could not be reached."""

from __future__ import annotations

import asyncio

from manual_clock import ManualClock
from opsagent.domain.run import RETENTION_S
from opsagent.errors import StoreUnavailable
from opsagent.watch.housekeeping import ARTIFACT_MARGIN_S, Sweeper


class Kept:
    """A store of two runs, down at first."""

    def __init__(self) -> None:
        self.looked, self.cut, self.forgotten, self.done = 0, [], [], asyncio.Event()

    async def expire(self, older_than: float | None = None):
        if older_than is not None:
            self.cut.append(older_than)
            self.done.set()
            return 0
        self.looked += 1
        if self.looked == 1:
            raise StoreUnavailable("The disk is full.", fix="Make room.")
        return ["r1", "r2"]

    async def forget(self, run_id: str) -> None:
        self.forgotten.append(run_id)


async def test_it_comes_again_and_forgets_the_tokens_of_deleted_runs() -> None:
    kept, clock = Kept(), ManualClock()
    sweeper = Sweeper(housekeeping=kept, artifacts=kept, forget=kept.forget, clock=clock, every_s=0.01)
    sweeping = asyncio.create_task(sweeper.run())
    await asyncio.wait_for(kept.done.wait(), 10)
    sweeper.stop()
    await asyncio.wait_for(sweeping, 10)
    assert kept.looked >= 2
    assert kept.forgotten[:2] == ["r1", "r2"]
    assert kept.cut[0] == clock.now() - RETENTION_S - ARTIFACT_MARGIN_S
