"""Pull the plug while other systems work for us: an effect over SSH or SQL happens once, and none vanishes."""

# ruff: noqa: S608 - the tests write their own statements

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

import victim
from house import TENANT
from opsagent.bootstrap import build
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.run import Run, RunStatus
from opsagent.domain.step import Step, StepStatus
from servers.databases import READ_PASSWORD, WRITE_PASSWORD, postgresql
from servers.openssh import openssh
from victim import APPEND, EFFECTS, OPEN_ENDED, Plug, claimed, counter

RUNS = 4
DEADLINE_S = 60.0
PLACES = ("before_commit", "after_commit")
WRITES = ("runs.claim_effect", "runs.save")
# What an effect takes is long enough for the plug to be pulled in the middle of it.
SLOW = APPEND.replace("echo x | tee -a", "sleep 0.3; echo x | tee -a")
STEPS = "\n".join(
    f"```sql name=look-{name}\nselect {{{{connection.run}}}}\n```\n\n"
    f"```sql name={name}\ninsert into counters select {{{{connection.run}}}}, '{name}' from pg_sleep(0.2)\n```\n"
    for name in EFFECTS
)
INSERT = f"---\nid: append\ntitle: Append to the counters\n---\n## Fix\n\n{STEPS}"


@dataclass(frozen=True)
class Kind:
    """A kind of target: its runbook, a target for each run, what opens it, and how often an effect happened there."""

    runbook: str
    target: Callable[[Path, int], Connection]
    count: Callable[[Path, int, str], int]
    credentials: Sequence[tuple[Credential, dict[str, str]]] = field(default=(), repr=False)

    def prepare(self, folder: Path, runs: int) -> None:
        asyncio.run(
            victim.prepare(folder, runs, runbook=self.runbook, target=self.target, credentials=self.credentials)
        )


def _lines(folder: Path, number: int, name: str) -> int:
    path = counter(folder, number, name)
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture(scope="module")
def ssh() -> Iterator[Kind]:
    with openssh() as host:
        options = {"host_key": host.host_key, "state_dir": str(host.state)}

        def target(folder: Path, number: int) -> Connection:
            values = {name: str(counter(folder, number, name)) for name in EFFECTS} | {"seen": str(folder / "seen")}
            return Connection(
                id="", tenant=TENANT, name=f"c{number}", executor="ssh", address=host.address, credential="key",
                options=options, values=values,
            )  # fmt: skip

        key = Credential(id="", tenant=TENANT, name="key", kind=CredentialKind.SSH_KEY)
        yield Kind(SLOW, target, _lines, [(key, {"private_key": host.private_key})])


@pytest.fixture(scope="module")
def sql() -> Iterator[Kind]:
    with postgresql() as database:
        where = f"host=127.0.0.1 port={database.port} user=ops dbname=postgres"
        with psycopg.connect(where, autocommit=True) as owner:
            owner.execute("CREATE TABLE counters (run text, name text)")
            owner.execute("GRANT ALL ON counters TO writer")

        def target(folder: Path, number: int) -> Connection:
            return Connection(
                id="", tenant=TENANT, name=f"c{number}", executor="sql", address=database.address,
                credential="writer", read_credential="reader", values={"run": f"{folder.name}-{number}"},
            )  # fmt: skip

        def count(folder: Path, number: int, name: str) -> int:
            with psycopg.connect(where, autocommit=True) as owner:
                rows = owner.execute(
                    "SELECT count(*) FROM counters WHERE run = %s AND name = %s", (f"{folder.name}-{number}", name)
                ).fetchone()
            return int(rows[0]) if rows else 0

        found = [
            (Credential(id="", tenant=TENANT, name=name, kind=CredentialKind.PASSWORD),
             {"username": name, "password": password})
            for name, password in (("reader", READ_PASSWORD), ("writer", WRITE_PASSWORD))
        ]  # fmt: skip
        yield Kind(INSERT, target, count, found)


@pytest.fixture(autouse=True)
def _nobody_is_left_frozen() -> Iterator[None]:
    yield
    for child in multiprocessing.active_children():
        child.kill()
        child.join(10)


@pytest.fixture(params=["ssh", "sql"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.getfixturevalue(request.param)
    return found


def test_no_kill_makes_an_effect_elsewhere_happen_twice_or_vanish(kind: Kind, tmp_path: Path) -> None:
    kind.prepare(tmp_path, RUNS)
    plugs = [Plug(f"{write}.{place}", nth=1 + turn) for turn in range(2) for write in WRITES for place in PLACES]
    landed = sum(_pulled(tmp_path, plug) for plug in plugs)
    landed += sum(_killed_in_the_middle(tmp_path) for _ in range(3))
    assert finish(victim.start(tmp_path, Plug())) == 0
    found = asyncio.run(read(tmp_path))
    assert landed >= 3
    assert len(found) == RUNS
    nothing_twice(kind, tmp_path, found)


def _pulled(folder: Path, plug: Plug) -> bool:
    """Whether the plug was pulled while an effect was claimed."""
    process = victim.start(folder, plug)
    assert finish(process) in (0, -signal.SIGKILL)
    return claimed(folder) > 0


def _killed_in_the_middle(folder: Path) -> bool:
    process = victim.start(folder, Plug())
    until(lambda: claimed(folder) > 0 or process.exitcode is not None)
    process.kill()
    process.join(10)
    return claimed(folder) > 0


def nothing_twice(kind: Kind, folder: Path, found: Sequence[tuple[Run, Sequence[Step]]]) -> None:
    for run, steps in found:
        assert run.ended or run.status is RunStatus.AWAITING_APPROVAL, run
        assert not [step for step in steps if step.status is StepStatus.CLAIMED], "an outcome is missing"
        for name in EFFECTS:
            mine = [step for step in steps if step.name == name]
            done = [step for step in mine if step.status is StepStatus.SUCCEEDED]
            open_ends = [step for step in mine if step.status in OPEN_ENDED]
            count = kind.count(folder, int(run.connection.removeprefix("c")), name)
            assert len(done) <= count <= len(done) + len(open_ends), f"{run.connection} {name} reads {count}"
            assert count <= 1
            assert not open_ends, "each of these systems can say what became of it"


def test_a_frozen_worker_that_thaws_adds_nothing_elsewhere(kind: Kind, tmp_path: Path) -> None:
    """Frozen after the claim; another settles that it did not happen and runs it again; then the first thaws."""
    kind.prepare(tmp_path, 1)
    frozen = victim.start(tmp_path, Plug("runs.claim_effect.after_commit", action="stop", serving=False))
    assert frozen.pid is not None
    until(lambda: victim.stopped(frozen.pid or 0))
    assert claimed(tmp_path) == 1
    assert finish(victim.start(tmp_path, Plug(serving=False))) == 0
    ((run, steps),) = asyncio.run(read(tmp_path))
    assert run.status is RunStatus.COMPLETED
    attempts = [step for step in steps if step.name == "a"]
    assert [step.status for step in attempts] == [StepStatus.NOT_HAPPENED, StepStatus.SUCCEEDED]
    os.kill(frozen.pid, signal.SIGCONT)
    assert finish(frozen) == 0
    for name in EFFECTS:
        assert kind.count(tmp_path, 0, name) == 1


def test_a_worker_frozen_in_the_middle_adds_nothing_elsewhere(kind: Kind, tmp_path: Path) -> None:
    """Stopped while the other system works for it, replaced, thawed: each effect is there once."""
    kind.prepare(tmp_path, 1)
    frozen = victim.start(tmp_path, Plug(serving=False))
    assert frozen.pid is not None
    until(lambda: claimed(tmp_path) > 0 and _froze(tmp_path, frozen.pid or 0))
    assert finish(victim.start(tmp_path, Plug(serving=False))) == 0
    os.kill(frozen.pid, signal.SIGCONT)
    assert finish(frozen) == 0
    ((run, steps),) = asyncio.run(read(tmp_path))
    assert run.status is RunStatus.COMPLETED, (run, [(step.name, step.status) for step in steps])
    for name in EFFECTS:
        assert kind.count(tmp_path, 0, name) == 1


def _froze(folder: Path, pid: int) -> bool:
    """Freeze it in the middle of an effect, not of a write: an embedded store has one writer, and all would wait."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: victim.stopped(pid))
    database = sqlite3.connect(folder / "data" / "opsagent.db", timeout=0, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")
    except sqlite3.OperationalError:
        os.kill(pid, signal.SIGCONT)
        return False
    finally:
        database.close()
    if not claimed(folder):
        os.kill(pid, signal.SIGCONT)
    return claimed(folder) > 0


async def read(folder: Path) -> list[tuple[Run, Sequence[Step]]]:
    async with build(victim.settings_of(folder), serving=False) as app:
        page = await app.stores.runs.list(TENANT, limit=200)
        return [(run, await app.stores.journal.steps(TENANT, run.id)) for run in page.items]


def finish(process: object, seconds: float = DEADLINE_S) -> int:
    process.join(seconds)
    assert process.exitcode is not None, "the victim hangs"
    return process.exitcode


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)
