"""An HTTP executor in a folder of its own and orders for an API; what its tests share."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_shell import BACKENDS, MemoryArtifacts
from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.http.config import HttpConfig
from opsagent.adapters.executors.http.executor import HttpExecutor
from opsagent.adapters.executors.local import Backend, LocalConfig
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.ports.executor import Order
from opsagent.ports.secrets import Login
from servers.api import TOKEN, Api

_numbers = itertools.count(1)


@dataclass
class Bench:
    """A folder for tokens, and as many servers on it as a test wants."""

    folder: Path
    api: Api
    backend: Backend = BACKENDS[0]

    def server(self, *, failpoints: Mapping[str, str] | None = None, **changes: Any) -> HttpExecutor:
        redactor = changes.pop("redactor", lambda text: text)
        local = LocalConfig(
            state=self.folder / "state", sandbox_root=self.folder / "http", force=self.backend, grace_s=0.5
        )
        return HttpExecutor(
            HttpConfig(local=local, **changes),
            clock=SystemClock(),
            redactor=redactor,
            artifacts=MemoryArtifacts(),
            failpoints=failpoints,
        )

    def connection(self, address: str = "", **options: str) -> Connection:
        return Connection(
            id="api",
            tenant="acme",
            name="api",
            executor="http",
            address=address or self.api.url,
            options={"allow_private": "true", **options},
            credential="key",
        )

    def order(
        self,
        text: str,
        *,
        proof: Proof = Proof.READ,
        login: Login | None = None,
        timeout_s: float = 10.0,
        **options: str,
    ) -> Order:
        run = f"run-{os.getpid()}"
        return Order(
            tenant="acme",
            run_id=run,
            token=f"{run}.{next(_numbers)}.1",
            command=Command(
                executor="http", text=text, connection_id="api", timeout_s=timeout_s, credential="key" if login else ""
            ),
            manifest=Manifest(proof=proof),
            connection=self.connection(**options),
            login=login,
        )

    def effect(self, text: str, **given: Any) -> Order:
        return self.order(text, proof=Proof.EFFECT, **given)

    def token(self, order: Order) -> Path:
        return self.folder / "state" / order.run_id / order.token

    def holder(self, order: Order) -> int:
        """The launcher's pid, once it holds the token; 0 before."""
        link = self.token(order)
        return int(str(link.readlink()).partition(":")[0]) if link.is_symlink() else 0


def login(kind: CredentialKind = CredentialKind.TOKEN, **values: str) -> Login:
    return Login(name="key", kind=kind, version=1, values=values or {"token": TOKEN})


def patient(order: Order) -> Order:
    return replace(order, patience_s=15.0)
