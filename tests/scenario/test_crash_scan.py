"""Kill -9 after each single save of a run that repairs, does not help, and is undone: each command ran once."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import victim
from house import PERSON, ROBOT, TENANT, House, World
from opsagent.bootstrap import build
from opsagent.domain.run import RunStatus, Verified
from opsagent.domain.step import StepStatus
from victim import Plug

BOOK = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
measures:
  ShopDown: {run: "test -e {{connection.healthy}}", for: 100ms, every: 50ms}
---
## Diagnosis

```shell name=look retries=1
grep -c nothing {{connection.state}}
```

## Fix

```shell name=one undo="tee -a {{connection.undo_one}}"
echo x | tee -a {{connection.one}}
```

```shell name=two undo="tee -a {{connection.undo_two}}" when="look failed"
echo x | tee -a {{connection.two}}
```
"""
EFFECTS = ("one", "two")
SAVES = range(1, 44)


async def prepare(folder: Path) -> None:
    machine = folder / "machine"
    machine.mkdir(parents=True)
    world = World(machine)
    world.state.write_text("out of coffee\n")
    async with build(victim.settings_of(folder), serving=False) as app:
        house = House(app, world)
        names = [*EFFECTS, *(f"undo_{name}" for name in EFFECTS)]
        await app.stores.connections.put(world.connection(**{name: str(machine / name) for name in names}), PERSON.id)
        await house.add_runbook(BOOK)
        await app.agent.switch(ROBOT, "acting", on=True)
        await house.alert()


async def read(folder: Path):
    async with build(victim.settings_of(folder), serving=False) as app:
        (run,) = (await app.stores.runs.list(TENANT)).items
        return run, await app.stores.journal.steps(TENANT, run.id), await House(app, World(folder)).timeline(run)


def killed_after(folder: Path, nth: int) -> int:
    """Kill after that save, then let another process finish; the first one's exit code."""
    asyncio.run(prepare(folder))
    first = victim.start(folder, Plug("runs.save.after_commit", nth=nth))
    first.join(300)
    if first.exitcode == 0:
        return 0
    assert first.exitcode == -signal.SIGKILL
    second = victim.start(folder, Plug())
    second.join(300)
    assert second.exitcode == 0, f"killed after save {nth}, it never came to an end"
    return first.exitcode


@pytest.mark.parametrize("part", range(4))
def test_each_command_runs_once_wherever_the_plug_is_pulled(tmp_path: Path, part: int) -> None:
    numbers = SAVES[part::4]
    with ThreadPoolExecutor(2) as pool:
        codes = dict(zip(numbers, pool.map(lambda nth: killed_after(tmp_path / str(nth), nth), numbers), strict=True))
    assert -signal.SIGKILL in codes.values()
    for nth in numbers:
        run, steps, timeline = asyncio.run(read(tmp_path / str(nth)))
        said = f"killed after save {nth}\n{timeline}"
        assert (run.status, run.verified) == (RunStatus.FAILED, Verified.NO), said
        for name in EFFECTS:
            counted = (tmp_path / str(nth) / "machine" / name).read_text()
            assert counted == "x\n", f"{name} ran {counted.count('x')} times, {said}"
            assert [s.status for s in steps if s.name == name][-1] is StepStatus.UNDONE, said
            undone = [s for s in steps if s.name == f"undo {name}" and s.status is StepStatus.SUCCEEDED]
            assert len(undone) == 1, said
