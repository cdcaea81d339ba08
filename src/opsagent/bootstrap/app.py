"""A whole OpsAgent: what wakes up, what works, and in which order it lets go."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from opsagent.adapters.artifacts.files import FileArtifacts
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.datafolder import prepare_folder
from opsagent.adapters.executors.local import Backend, LocalExecutor, harden_process
from opsagent.adapters.live import LiveHub
from opsagent.adapters.secrets.broker import Broker
from opsagent.bootstrap.configs import degraded_by_settings
from opsagent.domain.connection import Connection
from opsagent.errors import InputError, OpsAgentError
from opsagent.loop.agent import Agent
from opsagent.loop.worker import Worker
from opsagent.ports.executor import Executor
from opsagent.ports.intake import SignalSource
from opsagent.ports.stores import Stores
from opsagent.ports.target import TargetKind, Tested
from opsagent.settings import Settings
from opsagent.watch.housekeeping import Sweeper
from opsagent.watch.outbox import Outbox

if TYPE_CHECKING:
    from fastapi import FastAPI

    from opsagent.web.deps import Readiness

_WORKER_STOPPED = "it has stopped: runs are taken in and wait. To mend: read the log and start the server again."


@dataclass(slots=True, kw_only=True)
class App:
    """A whole OpsAgent. `async with` opens its store; with `serving` it owns the folder and works meanwhile."""

    settings: Settings
    serving: bool
    folder: Path
    clock: SystemClock
    ids: SystemIds
    stores: Stores
    executor: LocalExecutor
    executors: Mapping[str, Executor]
    targets: Mapping[str, TargetKind]
    broker: Broker
    agent: Agent
    worker: Worker
    outbox: Outbox
    sweeper: Sweeper
    live: LiveHub
    sources: Mapping[str, SignalSource]
    artifacts: FileArtifacts
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def check_connection(self, connection: Connection) -> None:
        """Refuse a registration that cannot work. InputError."""
        if connection.executor not in self.executors:
            known = ", ".join(sorted(self.executors))
            raise InputError(f"There is no executor {connection.executor}.", fix=f"Known here: {known}.")
        kind = self.targets.get(connection.executor)
        if kind is not None:
            kind.check(connection)
        elif connection.address or connection.options:
            raise InputError("This machine has no address and no options.", fix="Leave them out.")

    async def test_connection(self, connection: Connection) -> Sequence[Tested]:
        """Really connect, once with each of its accounts; a target of this machine is tried by running `true`."""
        kind = self.targets.get(connection.executor)
        if kind is None:
            return [await self.executor.test(connection, None)]
        found = []
        for name in dict.fromkeys(one for one in (connection.read_credential, connection.credential) if one):
            try:
                login = await self.broker.open(connection.tenant, name, connection)
            except OpsAgentError as error:
                found.append(Tested(ok=False, text=error.message, fix=error.fix))
                continue
            found.append(await kind.test(connection, login))
        return found or [await kind.test(connection, None)]

    async def __aenter__(self) -> Self:
        """Open it, whole or not at all. FolderInUse, StoreUnavailable, ConfigurationError."""
        await asyncio.to_thread(prepare_folder, self.folder)
        async with AsyncExitStack() as opened:
            # Before it opens, because it may fail after it took the folder's lock; closing what is closed is harmless.
            opened.push_async_callback(self.stores.housekeeping.close)
            await self.stores.housekeeping.open()
            if self.serving:
                harden_process()
                await self.executor.probe()
                await opened.enter_async_context(self.working())
            self._stack = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish or park what is under way, and let go."""
        self.live.close()
        await self._stack.aclose()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Workers, outbox and housekeeping run inside."""
        await self.worker.start()
        others = [
            asyncio.create_task(self.outbox.run(), name="opsagent-outbox"),
            asyncio.create_task(self.sweeper.run(), name="opsagent-housekeeping"),
        ]
        try:
            yield
        finally:
            await self.worker.stop()
            self.outbox.stop()
            self.sweeper.stop()
            await asyncio.gather(*others, return_exceptions=True)

    async def readiness(self) -> Readiness:
        """Whether it can take work, and what is degraded, in words."""
        from opsagent.web.deps import Readiness

        degraded = dict(degraded_by_settings(self.settings))
        trouble = await self.stores.housekeeping.check()
        if trouble:
            degraded["store"] = trouble
        about = await self.executor.describe()
        if self.executor.backend != Backend.BWRAP:
            degraded["sandbox"] = about["sandbox"]
        if self.serving and not self.worker.sweeping:
            degraded["worker"] = _WORKER_STOPPED
        return Readiness(ready=not trouble, degraded=degraded)

    def web(self) -> FastAPI:
        """The HTTP app over this agent."""
        from prometheus_client import CollectorRegistry

        from opsagent.web.app import create_app
        from opsagent.web.deps import WebConfig, WebDeps

        security = self.settings.security
        config = WebConfig(
            version=importlib.metadata.version("opsagent"),
            body_limit_bytes=security.body_limit_bytes,
            rate_per_minute=security.rate_limit_per_minute,
            loopback=self.settings.server.host in ("127.0.0.1", "::1", "localhost"),
            open_sources=frozenset(name for name in self.sources if name not in security.webhook_secrets),
        )
        return create_app(
            WebDeps(
                agent=self.agent,
                clock=self.clock,
                ids=self.ids,
                sources=self.sources,
                config=config,
                readiness=self.readiness,
                registry=CollectorRegistry(),
                artifacts=self.artifacts,
                credentials=self.broker,
                check_connection=self.check_connection,
                test_connection=self.test_connection,
            )
        )
