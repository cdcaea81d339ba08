"""A read that was ended because its worker had to go is run again; the run does not go on without it."""

from __future__ import annotations

import asyncio

from house import PERSON, TENANT, House
from opsagent.domain.run import RunStatus
from opsagent.domain.step import StepStatus

SLOW = """---
id: slow
title: A slow look
---
## Diagnosis

```shell name=look
sleep 1
```
"""


async def _begun(house: House) -> asyncio.Task[bool]:
    """A worker that is in the middle of the read."""
    await house.add_runbook(SLOW)
    run = await house.ask("slow")
    driving = asyncio.create_task(house.app.worker.drive(TENANT, run.id), name=run.id)
    async with asyncio.timeout(10):
        while not list((house.app.folder / "state" / run.id).rglob("*.started")):
            await asyncio.sleep(0.01)
    return driving


async def test_a_read_cut_short_by_a_stopping_worker_is_run_again(make_house) -> None:
    house: House = await make_house()
    driving = await _begun(house)
    driving.cancel()  # what a worker's stop does with what has not ended within its grace
    await asyncio.gather(driving, return_exceptions=True)
    run = await house.drive(await house.app.stores.runs.get(TENANT, driving.get_name()))
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    looks = [one for one in await house.app.stores.journal.steps(TENANT, run.id) if one.name == "look"]
    assert [(one.attempt, one.status) for one in looks] == [(1, StepStatus.FAILED), (2, StepStatus.SUCCEEDED)]
    assert "interrupted; it changes nothing, so it is run again" in await house.timeline(run)


async def test_a_read_cut_short_in_a_cancelled_run_is_not(make_house) -> None:
    house: House = await make_house()
    driving = await _begun(house)
    run_id = driving.get_name()
    await house.app.agent.cancel(PERSON, run_id)
    driving.cancel()
    await asyncio.gather(driving, return_exceptions=True)
    run = await house.drive(await house.app.stores.runs.get(TENANT, run_id))
    assert run.status is RunStatus.CANCELLED, await house.timeline(run)
    looks = [one for one in await house.app.stores.journal.steps(TENANT, run.id) if one.name == "look"]
    assert [one.attempt for one in looks] == [1]
