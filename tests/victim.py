"""An OpsAgent that works in a process of its own, with a person who says yes to all, until the plug is pulled."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from house import PERSON, TENANT, settings_for
from opsagent.adapters.failpoints import Action, Failpoints
from opsagent.bootstrap import App, build
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import OpsAgentError

EFFECTS = ("a", "b", "c", "d")
STEPS = "\n".join(
    f"```shell name=look-{name}\ncat {{{{connection.seen}}}}\n```\n\n"
    f"```shell name={name}\necho x | tee -a {{{{connection.{name}}}}}\n```\n"
    for name in EFFECTS
)
APPEND = f"---\nid: append\ntitle: Append to the counters\n---\n## Fix\n\n{STEPS}"


@dataclass(frozen=True)
class Plug:
    """Where the plug is pulled: in the store's writer (`name`, `nth`, `action`) and in the launcher."""

    name: str = ""
    nth: int = 1
    action: str = "kill"
    launcher: dict[str, str] = field(default_factory=dict)
    serving: bool = True
    creates: int = 0


def settings_of(folder: Path) -> object:
    return settings_for(
        folder / "data",
        lease_seconds=1,
        effects_per_hour=1000,
        workers_per_process=20,
        runs_per_tenant=20,
        sandbox_backend="rlimits",
        log_level="ERROR",
    )


def counter(folder: Path, run: int, name: str) -> Path:
    return folder / f"counter-{run}-{name}"


async def prepare(folder: Path, runs: int) -> None:
    """Register a target for each run, and store the runs."""
    (folder / "seen").write_text("seen\n")
    async with build(settings_of(folder), serving=False) as app:
        await app.agent.add_runbook(PERSON, APPEND, "append.md")
        for number in range(runs):
            values = {name: str(counter(folder, number, name)) for name in EFFECTS} | {"seen": str(folder / "seen")}
            await app.stores.connections.put(
                Connection(id="", tenant=TENANT, name=f"c{number}", reach=Reach.HOST, values=values), PERSON.id
            )
            await submit(app, number)


async def submit(app: App, number: int) -> Run:
    return await app.agent.submit(
        Trigger(
            tenant=TENANT,
            source=Source.API,
            text=f"append {number}",
            requested_by=PERSON.id,
            runbook_id="append",
            connection=f"c{number}",
        )
    )


def live(folder: str, plug: Plug) -> None:
    """The child's main: work until nothing is left to do, or until the plug is pulled."""
    asyncio.run(_live(Path(folder), plug))


async def _live(folder: Path, plug: Plug) -> None:
    failpoints = Failpoints(plug.name, plug.nth, Action(plug.action)) if plug.name else None
    app = build(settings_of(folder), serving=plug.serving, failpoints=failpoints, launcher_failpoints=plug.launcher)
    async with app:
        if not plug.serving:
            await app.worker.start()
        for number in range(plug.creates):
            run = await submit(app, number)
            with (folder / "acknowledged").open("a") as file:
                file.write(f"{run.id}\n")
        while not await _settled(app):
            for approval in await app.stores.approvals.pending(TENANT):
                try:
                    await app.agent.decide(PERSON, approval.id, grant=True, digest=approval.digest)
                except OpsAgentError:
                    continue
            await asyncio.sleep(0.02)
        if not plug.serving:
            await app.worker.stop()


async def _settled(app: App) -> bool:
    """Every run has ended, or waits for a person to say what became of a step."""
    page = await app.stores.runs.list(TENANT, limit=200)
    for run in page.items:
        if run.ended:
            continue
        steps = await app.stores.journal.steps(TENANT, run.id)
        waits = run.status is RunStatus.AWAITING_APPROVAL and any(s.status is StepStatus.UNKNOWN for s in steps)
        if not waits:
            return False
    return True


def start(folder: Path, plug: Plug) -> BaseProcess:
    """A new victim, forked from a server that has everything imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["victim"])
    process = context.Process(target=live, args=(str(folder), plug))
    process.start()
    return process


def claimed(folder: Path) -> int:
    """How many steps are stored as claimed and have no outcome."""
    database = sqlite3.connect(folder / "data" / "opsagent.db", timeout=10)
    try:
        return int(database.execute("SELECT count(*) FROM steps WHERE status = 'claimed'").fetchone()[0])
    finally:
        database.close()


def stopped(pid: int) -> bool:
    """Whether the process is frozen."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
