"""A local executor in a folder of its own, orders for it, and questions about processes; what its tests share."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.local import Backend, LocalConfig, LocalExecutor
from opsagent.adapters.executors.local.launcher import identity
from opsagent.adapters.executors.local.survivors import find_marked
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import NotFound
from opsagent.ports.executor import Order

BACKENDS = [Backend.SECCOMP, Backend.RLIMITS] if shutil.which("bwrap") else [Backend.RLIMITS]
NOBODY = 65534
LIMIT_S = 120.0
_numbers = itertools.count(1)


class MemoryArtifacts:
    """Keeps artifacts in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, tenant: str, content: bytes, *, encrypt: bool = False) -> str:  # noqa: ARG002 - the port's
        name = hashlib.sha256(content).hexdigest()
        self.kept[name] = content
        return name

    async def get(self, tenant: str, artifact_id: str) -> bytes:  # noqa: ARG002 - the port's
        if artifact_id not in self.kept:
            raise NotFound(f"no artifact {artifact_id}")
        return self.kept[artifact_id]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that other users may pass, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="opsagent-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Bench:
    """One data folder and sandbox root, and as many servers on it as a test wants."""

    def __init__(self, folder: Path, backend: Backend | None) -> None:
        self.folder, self.backend = folder, backend
        self.artifacts = MemoryArtifacts()
        self.effects = folder / "effects"  # where commands leave a mark whoever they run as
        self.effects.mkdir(mode=0o777)
        self.effects.chmod(0o777)
        self.run_id = f"run-{os.getpid()}-{next(_numbers)}"  # the mark of a process must be its test's alone

    def config(self, **changes: Any) -> LocalConfig:
        given = {"state": self.folder / "state", "sandbox_root": self.folder / "sandbox", "force": self.backend}
        return LocalConfig(**{**given, "grace_s": 0.5, **changes})

    def server(self, *, failpoints: Mapping[str, str] | None = None, **changes: Any) -> LocalExecutor:
        redactor = changes.pop("redactor", lambda text: text)
        return LocalExecutor(
            self.config(**changes),
            clock=SystemClock(),
            redactor=redactor,
            artifacts=self.artifacts,
            failpoints=failpoints,
        )

    def order(self, text: str, *, proof: Proof = Proof.READ, run_id: str = "", **given: Any) -> Order:
        manifest = Manifest(proof=proof, **given.pop("manifest", {}))
        login = given.pop("login", None)
        run = run_id or self.run_id
        return Order(
            tenant="acme",
            run_id=run,
            token=f"{run}.{next(_numbers)}.1",
            command=Command(executor="shell", text=text, connection_id="here", **given),
            manifest=manifest,
            connection=Connection(id="here", tenant="acme", name="here"),
            login=login,
        )

    def host(self, text: str, *, proof: Proof = Proof.READ, **given: Any) -> Order:
        return self.order(text, proof=proof, reach=Reach.HOST, **given)

    def token(self, order: Order) -> Path:
        return self.folder / "state" / order.run_id / order.token

    def holder(self, order: Order) -> int:
        """The launcher's pid, once it holds the token; 0 before."""
        link = self.token(order)
        return int(str(link.readlink()).partition(":")[0]) if link.is_symlink() else 0

    async def frozen(self, order: Order) -> int:
        """Wait until the launcher of the order stands still at a failpoint; its pid."""
        await eventually(lambda: self.holder(order) and state_of(self.holder(order)) == "T")
        return self.holder(order)

    def recorded(self, order: Order) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.token(order).with_name(f"{order.token}.outcome").read_text())
        return found


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; AssertionError after a generous limit."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + LIMIT_S
    while not condition():
        assert loop.time() < limit, "it did not come to pass"
        await asyncio.sleep(0.01)


def state_of(pid: int) -> str:
    """The state letter of a process; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def running(order: Order) -> list[int]:
    """Processes that carry the order's token and are not merely waiting to be collected."""
    return [pid for pid in find_marked(order.token) if state_of(pid) not in ("", "Z")]


def sleepers(seconds: str) -> list[int]:
    """Processes of `sleep SECONDS`, wherever they got to."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", seconds.encode()]:
                found.append(int(entry.name))
    return found


def unique_seconds() -> str:
    """A duration for `sleep` that tells this test's sleepers from all others."""
    return f"{600 + next(_numbers)}.{os.getpid()}"


def me() -> str:
    return identity(os.getpid())
