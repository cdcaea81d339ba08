"""A whole OpsAgent: what wakes up, what works, and in which order it lets go."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from opsagent.adapters.artifacts.files import FileArtifacts
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.datafolder import prepare_folder
from opsagent.adapters.executors.local import Backend, LocalExecutor, harden_process
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.hybrid import HybridIndex
from opsagent.adapters.live import LiveHub
from opsagent.adapters.secrets.broker import Broker
from opsagent.adapters.session_key import session_key
from opsagent.bootstrap.configs import degraded_by_settings
from opsagent.bootstrap.entrance import Entrance
from opsagent.bootstrap.parts import Parts
from opsagent.bootstrap.vectors import no_vectors
from opsagent.domain.connection import Connection
from opsagent.errors import InputError, OpsAgentError
from opsagent.loop.agent import Agent
from opsagent.loop.intake import Intake
from opsagent.loop.telling import Telling
from opsagent.loop.worker import Worker
from opsagent.ports.chat import Chat
from opsagent.ports.executor import Executor
from opsagent.ports.intake import SignalSource, TriggerSource
from opsagent.ports.stores import Stores
from opsagent.ports.target import TargetKind, Tested
from opsagent.settings import Settings
from opsagent.watch.escalations import EscalationWatch
from opsagent.watch.heads import HeadWatch
from opsagent.watch.housekeeping import Sweeper
from opsagent.watch.hushed import HushedWatch
from opsagent.watch.outbox import Outbox
from opsagent.watch.schedules import Scheduler
from opsagent.watch.silence import SilenceWatch

if TYPE_CHECKING:
    from fastapi import FastAPI

    from opsagent.web.deps import Readiness


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
    closing: Sequence[Callable[[], Awaitable[None]]]
    broker: Broker
    agent: Agent
    worker: Worker
    outbox: Outbox
    telling: Telling
    entrance: Entrance
    scheduler: Scheduler
    sweeper: Sweeper
    silence: SilenceWatch
    hushed: HushedWatch
    escalating: EscalationWatch
    heads: HeadWatch
    live: LiveHub
    sources: Mapping[str, SignalSource]
    chats: Mapping[str, Chat]
    triggers: Mapping[str, TriggerSource]
    artifacts: FileArtifacts
    parts: Parts
    index: Fts5Index | HybridIndex
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def vectors(self) -> HybridIndex | None:
        """The index, if it has vectors."""
        return self.index if isinstance(self.index, HybridIndex) else None

    async def vectors_found(self) -> tuple[bool, str]:
        """Whether vectors work, tried now, and the words about it; none are wanted unless an embedder is set."""
        if self.vectors is None:
            trouble = no_vectors(self.settings)
            return not trouble, trouble or "none; runbooks are found by their names and words"
        try:
            return True, await self.vectors.check()
        except OpsAgentError as wrong:
            return False, f"{wrong.message} Keywords alone find runbooks meanwhile. To mend: {wrong.fix}"

    @property
    def intake(self) -> Intake:
        """The way in for monitoring."""
        return Intake(agent=self.agent, sources=self.sources, clock=self.clock)

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
            for let_go in self.closing:
                opened.push_async_callback(let_go)
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
        """Workers, outbox and housekeeping run inside; one that falls is started again."""
        self.parts.start("worker", self.worker.run)
        self.parts.start("outbox", self.outbox.run)
        self.parts.start("housekeeping", self.sweeper.run)
        self.parts.start("escalations", self.escalating.run)
        self.parts.start("audit heads", self.heads.run)
        if self.agent.enabled:  # else firings wait, and are missed ones once work is taken again
            self.parts.start("schedules", self.scheduler.run)
            self.parts.start("hushed", self.hushed.run)
        if self.silence.silent_after_s:
            self.parts.start("silence", self.silence.run)
        try:
            yield
        finally:
            self.parts.stopping()
            await self.worker.stop()
            self.scheduler.stop()
            self.hushed.stop()
            self.escalating.stop()
            self.heads.stop()
            self.outbox.stop()
            self.sweeper.stop()
            self.silence.stop()
            await self.parts.ended()

    async def readiness(self) -> Readiness:
        """Whether it can take work, and what is degraded, in words."""
        from opsagent.web.deps import Readiness

        degraded = dict(degraded_by_settings(self.settings))
        unwritable = await self.stores.housekeeping.check()
        if unwritable:
            degraded["store"] = unwritable
        about = await self.executor.describe()
        if self.executor.backend != Backend.SECCOMP:
            degraded["sandbox"] = about["sandbox"]
        if self.vectors is not None and (trouble := self.vectors.trouble()):
            degraded["vectors"] = trouble
        degraded.update(self.parts.trouble())
        return Readiness(ready=not unwritable, sandbox=self.executor.backend, degraded=degraded)

    def web(self, *, pages: bool = False) -> FastAPI:
        """The HTTP app over this agent; with `pages`, which are once in a process, what people look at as well."""
        from prometheus_client import CollectorRegistry

        from opsagent.web.app import create_app
        from opsagent.web.deps import WebConfig, WebDeps

        security, server = self.settings.security, self.settings.server
        given = self.settings.sessions.session_key.get_secret_value()
        # A public address means a proxy in front: then loopback is where everybody comes from, and proves nothing.
        unproven = () if server.public_url else (name for name, source in self.sources.items() if not source.proves)
        config = WebConfig(
            version=importlib.metadata.version("opsagent"),
            body_limit_bytes=security.body_limit_bytes,
            delivery_limit_bytes=security.delivery_limit_bytes,
            rate_per_minute=security.rate_limit_per_minute,
            deliveries_per_minute=security.delivery_rate_limit_per_minute,
            loopback=server.host in ("127.0.0.1", "::1", "localhost"),
            open_sources=frozenset(unproven),
            public_url=server.public_url,
            session_key=given.encode() or session_key(self.folder, self.ids.secret()),
        )
        made = create_app(
            WebDeps(
                agent=self.agent,
                telling=self.telling,
                people=self.entrance.people,
                sessions=self.entrance.sessions,
                single_sign_on=self.entrance.single_sign_on,
                hears_every_write=self.stores.name == "sqlite",
                clock=self.clock,
                ids=self.ids,
                sources=self.sources,
                triggers=self.triggers,
                config=config,
                readiness=self.readiness,
                registry=CollectorRegistry(),
                artifacts=self.artifacts,
                credentials=self.broker,
                check_connection=self.check_connection,
                test_connection=self.test_connection,
                chats=self.chats,
            )
        )
        if pages:
            from opsagent.web.dashboard.mount import with_pages
            from opsagent.web.talk.mount import with_talk

            return with_talk(with_pages(made))
        return made
