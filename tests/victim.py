"""An OpsAgent that works in a process of its own, with a person who says yes to all, until the plug is pulled.

The person gives up on a step nobody knows the end of: it holds its target, and other runs are about the same one.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from forked import fork
from house import PERSON, TENANT, settings_for
from opsagent.adapters.failpoints import Action, Failpoints
from opsagent.bootstrap import App, build
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import OpsAgentError

EFFECTS = ("a", "b", "c", "d")
OPEN_ENDED = (StepStatus.UNKNOWN, StepStatus.ABORTED)  # nobody can tell whether it happened
STEPS = "\n".join(
    f"```shell name=look-{name}\ncat {{{{connection.seen}}}}\n```\n\n"
    f"```shell name={name}\necho x | tee -a {{{{connection.{name}}}}}\n```\n"
    for name in EFFECTS
)
APPEND = f"---\nid: append\ntitle: Append to the counters\n---\n## Fix\n\n{STEPS}"
KEY = base64.urlsafe_b64encode(b"the plug is pulled, the key stay").decode()


@dataclass(frozen=True)
class Plug:
    """Where the plug is pulled: in the store's writer (`name`, `nth`, `action`) and in the launcher.

    `settings` are those of the victim that differ from the others'.
    """

    name: str = ""
    nth: int = 1
    action: str = "kill"
    launcher: dict[str, str] = field(default_factory=dict)
    serving: bool = True
    creates: int = 0
    settings: dict[str, object] = field(default_factory=dict)


def settings_of(folder: Path, **changes: object) -> object:
    given: dict[str, object] = {
        "lease_seconds": 1,
        "effects_per_hour": 1000,
        "workers_per_process": 20,
        "runs_per_tenant": 20,
        "sandbox_backend": "rlimits",
        "log_level": "ERROR",
        "credential_encryption_key": KEY,
    }
    return settings_for(folder / "data", **given | changes)


def counter(folder: Path, run: int, name: str) -> Path:
    return folder / f"counter-{run}-{name}"


def of_this_machine(folder: Path, number: int) -> Connection:
    """A target of this machine, with a counter for each effect."""
    values = {name: str(counter(folder, number, name)) for name in EFFECTS} | {"seen": str(folder / "seen")}
    return Connection(id="", tenant=TENANT, name=f"c{number}", reach=Reach.HOST, values=values)


async def prepare(
    folder: Path,
    runs: int,
    *,
    runbook: str = APPEND,
    target: Callable[[Path, int], Connection] = of_this_machine,
    credentials: Sequence[tuple[Credential, Mapping[str, str]]] = (),
) -> None:
    """Register a target for each run, and store the runs."""
    (folder / "seen").write_text("seen\n")
    async with build(settings_of(folder), serving=False) as app:
        await app.agent.add_runbook(PERSON, runbook, "append.md")
        for credential, values in credentials:
            await app.broker.keep(credential, values, PERSON.id)
        for number in range(runs):
            connection = target(folder, number)
            app.check_connection(connection)
            await app.stores.connections.put(connection, PERSON.id)
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
    settings = settings_of(folder, **plug.settings)
    app = build(settings, serving=plug.serving, failpoints=failpoints, launcher_failpoints=plug.launcher)
    async with app:
        if not plug.serving:
            sweeping = asyncio.create_task(app.worker.run())
        for _ in range(plug.creates):
            number = time.time_ns()  # a target of its own: one that an unknown step holds would hold it up for ever
            await app.stores.connections.put(of_this_machine(folder, number), PERSON.id)
            run = await submit(app, number)
            with (folder / "acknowledged").open("a") as file:
                file.write(f"{run.id}\n")
        while not await _settled(app):
            for approval in await app.stores.approvals.pending(TENANT):
                try:
                    await app.agent.decide(PERSON, approval.id, grant=True, digest=approval.digest)
                except OpsAgentError:
                    continue
            await _give_up(app)
            await asyncio.sleep(0.02)
        if not plug.serving:
            await app.worker.stop()
            await asyncio.gather(sweeping, return_exceptions=True)


async def _give_up(app: App) -> None:
    page = await app.stores.runs.list(TENANT, status=RunStatus.AWAITING_APPROVAL, limit=200)
    for run in page.items:
        for step in await app.stores.journal.steps(TENANT, run.id):
            if step.status is StepStatus.UNKNOWN:
                await app.agent.resolve(PERSON, run.id, step.number, StepStatus.ABORTED.value)


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
    """A new victim, forked ready to go."""
    return fork(live, str(folder), plug)


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
