"""Pull the plug at every store write and around the spawn: nothing runs twice, nothing vanishes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import victim
from house import TENANT
from opsagent.bootstrap import build
from opsagent.domain.run import Run, RunStatus
from opsagent.domain.step import Step, StepStatus
from victim import EFFECTS, OPEN_ENDED, Plug, claimed, counter

RUNS = 8
WANTED = 30
PLACES = ("before_begin", "after_begin", "before_commit", "after_commit")
WRITES = ("runs.create", "runs.claim", "runs.save", "runs.claim_effect", "approvals.decide", "runs.release")
LAUNCHER = ("before-token", "after-token", "after-fork", "after-spawn", "before-outcome")
DEADLINE_S = 60.0


def plugs() -> list[Plug]:
    """Each write at each place, the launcher's places, then claims until enough kills have landed."""
    found = [Plug(f"{write}.{place}", creates=1) for write in WRITES for place in PLACES]
    found += [Plug("runs.claim_effect.after_commit", nth=2, launcher={place: "kill"}) for place in LAUNCHER]
    return found


async def read(folder: Path) -> list[tuple[Run, Sequence[Step]]]:
    async with build(victim.settings_of(folder), serving=False) as app:
        page = await app.stores.runs.list(TENANT, limit=200)
        assert not page.cursor
        return [(run, await app.stores.journal.steps(TENANT, run.id)) for run in page.items]


def finish(process: object, seconds: float = DEADLINE_S) -> int:
    process.join(seconds)
    assert process.exitcode is not None, "the victim hangs"
    return process.exitcode


def test_no_kill_makes_an_effect_happen_twice_or_vanish(tmp_path: Path) -> None:
    asyncio.run(victim.prepare(tmp_path, RUNS))
    landed, kills, batch = 0, 0, RUNS
    queue = plugs()
    while queue or landed < WANTED:
        plug = queue.pop(0) if queue else Plug("runs.claim_effect.after_commit", nth=1 + kills % 3)
        code = finish(victim.start(tmp_path, plug))
        if code == -signal.SIGKILL:
            kills += 1
            landed += claimed(tmp_path) > 0
            continue
        assert code == 0, f"the victim ended with {code} at {plug}"
        asyncio.run(_more(tmp_path, batch))
        batch += RUNS
    assert finish(victim.start(tmp_path, Plug())) == 0
    found = asyncio.run(read(tmp_path))
    print(f"{kills} kills, {landed} of them between claim and outcome, {len(found)} runs")
    assert landed >= WANTED
    acknowledged = set((tmp_path / "acknowledged").read_text().split())
    assert acknowledged <= {run.id for run, _ in found}
    _nothing_twice(tmp_path, found)


async def _more(folder: Path, first: int) -> None:
    """Fresh targets and runs, when all before have settled."""
    async with build(victim.settings_of(folder), serving=False) as app:
        for number in range(first, first + RUNS):
            values = {name: str(counter(folder, number, name)) for name in EFFECTS} | {"seen": str(folder / "seen")}
            connection = await app.stores.connections.get(TENANT, "c0")
            await app.stores.connections.put(
                victim.Connection(id="", tenant=TENANT, name=f"c{number}", reach=connection.reach, values=values),
                "test",
            )
            await victim.submit(app, number)


def _nothing_twice(folder: Path, found: list[tuple[Run, Sequence[Step]]]) -> None:
    by_target: dict[str, list[tuple[Run, Sequence[Step]]]] = {}
    for run, steps in found:
        by_target.setdefault(run.connection, []).append((run, steps))
        assert run.ended or run.status is RunStatus.AWAITING_APPROVAL, run
        assert not [step for step in steps if step.status is StepStatus.CLAIMED], "an outcome is missing"
        for step in steps:
            if step.is_read:
                assert not step.approval_id, "a proven read asked"
                assert step.status is not StepStatus.UNKNOWN
    for target, runs in by_target.items():
        number = int(target.removeprefix("c"))
        for name in EFFECTS:
            path = counter(folder, number, name)
            count = len(path.read_text().splitlines()) if path.exists() else 0
            done = [s for _, steps in runs for s in steps if s.name == name and s.status is StepStatus.SUCCEEDED]
            open_ends = [s for _, steps in runs for s in steps if s.name == name and s.status in OPEN_ENDED]
            assert len(done) <= count <= len(done) + len(open_ends), f"{path.name} reads {count}"
            assert count <= len(runs), f"{path.name} reads {count}"


def test_a_frozen_worker_that_thaws_starts_nothing(tmp_path: Path) -> None:
    """Frozen between claim and spawn, declared "did not happen, run again", then thawed: still one effect."""
    asyncio.run(victim.prepare(tmp_path, 1))
    frozen = victim.start(tmp_path, Plug("runs.claim_effect.after_commit", action="stop", serving=False))
    assert frozen.pid is not None
    _until(lambda: victim.stopped(frozen.pid))
    assert claimed(tmp_path) == 1
    assert finish(victim.start(tmp_path, Plug(serving=False))) == 0
    ((run, steps),) = asyncio.run(read(tmp_path))
    assert run.status is RunStatus.COMPLETED
    attempts = [step for step in steps if step.name == "a"]
    assert [step.status for step in attempts] == [StepStatus.NOT_HAPPENED, StepStatus.SUCCEEDED]
    assert attempts[0].approval_id != attempts[1].approval_id
    os.kill(frozen.pid, signal.SIGCONT)
    assert finish(frozen) == 0
    for name in EFFECTS:
        assert counter(tmp_path, 0, name).read_text() == "x\n"


@pytest.mark.parametrize("place", ["after-token", "after-fork", "after-spawn", "before-outcome"])
def test_a_frozen_launcher_that_thaws_adds_nothing(tmp_path: Path, place: str) -> None:
    """The launcher freezes, its server dies; another worker settles what became of it, whatever it takes."""
    asyncio.run(victim.prepare(tmp_path, 1))
    first = victim.start(tmp_path, Plug(launcher={place: "stop"}, serving=False))
    _until(lambda: claimed(tmp_path) == 1)
    assert first.pid is not None
    _until(lambda: _frozen_launcher(first.pid) != 0)
    launcher = _frozen_launcher(first.pid)
    first.kill()
    first.join(10)
    assert finish(victim.start(tmp_path, Plug(serving=False))) == 0
    if victim.alive(launcher):
        os.kill(launcher, signal.SIGCONT)
    _until(lambda: not victim.alive(launcher))
    ((run, steps),) = asyncio.run(read(tmp_path))
    assert not [step for step in steps if step.status is StepStatus.CLAIMED]
    text = counter(tmp_path, 0, "a").read_text() if counter(tmp_path, 0, "a").exists() else ""
    assert text in ("", "x\n")
    if run.ended:
        assert text == "x\n"


def _frozen_launcher(parent: int) -> int:
    """The pid of a stopped child of that process, or 0."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] == "T" and int(fields[1]) == parent:
                return int(entry.name)
    return 0


def _until(condition: object) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)
