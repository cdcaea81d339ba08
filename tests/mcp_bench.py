"""An MCP executor in a folder of its own and orders for a server; what its tests share."""

from __future__ import annotations

import itertools
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp
import pydantic

from local_shell import BACKENDS, MemoryArtifacts
from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.local import Backend, LocalConfig
from opsagent.adapters.executors.local.interpreter import reachable_python
from opsagent.adapters.executors.local.views import User
from opsagent.adapters.executors.mcp.config import McpConfig
from opsagent.adapters.executors.mcp.executor import McpExecutor
from opsagent.adapters.executors.mcp.looking import ToolHashes, ToolLook
from opsagent.adapters.mcp_tools import executed
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.tool_call import parse_tool_call
from opsagent.errors import NotFound
from opsagent.ports.executor import Order
from opsagent.ports.secrets import Login
from servers import mcp_server
from servers.mcp_http import TOKEN

_numbers = itertools.count(1)
SCRIPT = Path(mcp_server.__file__)
SDK, SITE = Path(mcp.__file__).parents[1], Path(pydantic.__file__).parents[1]
NOBODY = User(uid=65534, gid=65534, groups=(), changes=True)
PYTHON = reachable_python(NOBODY, (SCRIPT, SDK)) or Path(sys.executable)  # the sandbox's user must be able to run it


class OneKey:
    """Opens the one credential there is."""

    async def version(self, tenant: str, name: str, connection: Connection) -> int:
        return (await self.open(tenant, name, connection)).version

    async def open(self, tenant: str, name: str, connection: Connection) -> Login:
        if name != "key":
            raise NotFound(f"{tenant} has no credential {name} for {connection.name}.")
        return login()


@dataclass
class Bench:
    """A folder for tokens, and as many servers on it as a test wants."""

    folder: Path
    backend: Backend = BACKENDS[0]

    def server(self, *, failpoints: Mapping[str, str] | None = None, **changes: Any) -> McpExecutor:
        redactor = changes.pop("redactor", lambda text: text)
        local = LocalConfig(
            state=self.folder / "state", sandbox_root=self.folder / "sandbox", force=self.backend, grace_s=0.5
        )
        given = {"folders": (SCRIPT.parent,), **changes}
        return McpExecutor(
            McpConfig(local=local, **given),
            clock=SystemClock(),
            redactor=redactor,
            artifacts=MemoryArtifacts(),
            failpoints=failpoints,
        )

    def look(self, server: McpExecutor | None = None) -> ToolLook:
        return ToolLook(server or self.server(), OneKey(), SystemClock())

    async def order(
        self,
        text: str,
        where: Connection,
        *,
        proof: Proof = Proof.UNKNOWN,
        login: Login | None = None,
        timeout_s: float = 20.0,
    ) -> Order:
        """An order as it is once it was judged: with the hash of the tool as it is declared now."""
        run = f"run-{os.getpid()}-{next(_numbers)}"
        tool = executed(parse_tool_call(text).tool)
        return Order(
            tenant="acme",
            run_id=run,
            token=f"{run}.{next(_numbers)}.1",
            command=Command(
                executor="mcp",
                text=text,
                connection_id=where.id,
                timeout_s=timeout_s,
                credential="key" if login else "",
                files=await ToolHashes(self.look())((tool,), where),
            ),
            manifest=Manifest(proof=proof, executes=(tool,)),
            connection=where,
            login=login,
        )

    def token(self, order: Order) -> Path:
        return self.folder / "state" / order.run_id / order.token

    def holder(self, order: Order) -> int:
        """The launcher's pid, once it holds the token; 0 before."""
        link = self.token(order)
        return int(str(link.readlink()).partition(":")[0]) if link.is_symlink() else 0

    def home(self, order: Order) -> Path:
        """The run's folder, which is a started server's world."""
        return self.folder / "sandbox" / order.run_id


def started(**options: str) -> Connection:
    """A server that a command starts, in the folder of the run."""
    command = shlex.join([str(PYTHON), str(SCRIPT), "."])
    credential = "key" if "credential_variable" in options else ""
    environment = f"PYTHONPATH={SDK}{os.pathsep}{SITE} {options.pop('environment', '')}"
    return Connection(
        id="cluster", tenant="acme", name="cluster", executor="mcp", credential=credential,
        options={"command": command, "environment": environment, **options},
    )  # fmt: skip


def remote(url: str, *, credential: str = "", **options: str) -> Connection:
    """A server that has an address."""
    return Connection(
        id="cluster", tenant="acme", name="cluster", executor="mcp", address=url, credential=credential,
        options={"allow_private": "true", **options},
    )  # fmt: skip


def login(kind: CredentialKind = CredentialKind.TOKEN, **values: str) -> Login:
    return Login(name="key", kind=kind, version=1, values=values or {"token": TOKEN})
