"""COMPOSITION ROOT: Settings -> App. The only file that names concrete adapters; it can be called twice in one process.

The pieces are made in `build` and wake up in `App.__aenter__`: a folder, a store, a sandbox probe, then the workers.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from opsagent.adapters.alertmanager.config import AlertmanagerConfig
from opsagent.adapters.alertmanager.source import AlertmanagerSource
from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.artifacts.files import ArtifactConfig, FileArtifacts
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.datafolder import prepare_folder
from opsagent.adapters.dispatch.inprocess import InProcessDispatch
from opsagent.adapters.executors.local import Backend, LocalConfig, LocalExecutor, harden_process
from opsagent.adapters.executors.local.hashes import LocalFileHashes
from opsagent.adapters.failpoints import Failpoints
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.adapters.live import LiveHub
from opsagent.adapters.notify.webhook import WebhookChannel, WebhookConfig
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.adapters.prometheus.config import PrometheusConfig
from opsagent.adapters.prometheus.source import PrometheusSource
from opsagent.adapters.reasoners.runbook import RunbookReasoner
from opsagent.adapters.redaction import Redaction
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.runbook import Runbook
from opsagent.loop.agent import Agent
from opsagent.loop.drive import Kit
from opsagent.loop.limits import Limits
from opsagent.loop.worker import Worker, WorkerConfig
from opsagent.ports.intake import SignalSource
from opsagent.ports.stores import Stores
from opsagent.settings import Settings
from opsagent.stages.accept import Accept
from opsagent.stages.ask import Ask
from opsagent.stages.close import Close
from opsagent.stages.correlate import Correlate
from opsagent.stages.execute import Execute
from opsagent.stages.find_runbook import FindRunbook
from opsagent.stages.judge import Judge
from opsagent.stages.propose import Propose
from opsagent.watch.housekeeping import Sweeper
from opsagent.watch.outbox import Outbox

if TYPE_CHECKING:
    from fastapi import FastAPI

    from opsagent.web.deps import Readiness

log = logging.getLogger(__name__)


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
    agent: Agent
    worker: Worker
    outbox: Outbox
    sweeper: Sweeper
    live: LiveHub
    sources: Mapping[str, SignalSource]
    artifacts: FileArtifacts
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def executors(self) -> Mapping[str, LocalExecutor]:
        """The executors by name."""
        return {"shell": self.executor}

    async def __aenter__(self) -> Self:
        """Open it. FolderInUse, StoreUnavailable, ConfigurationError."""
        await asyncio.to_thread(prepare_folder, self.folder)
        await self.stores.housekeeping.open()
        self._stack.push_async_callback(self.stores.housekeeping.close)
        if self.serving:
            harden_process()
            await self.executor.probe()
            await self._stack.enter_async_context(self.working())
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

        degraded = dict(_degraded(self.settings))
        trouble = await self.stores.housekeeping.check()
        if trouble:
            degraded["store"] = trouble
        weaker = (await self.executor.describe()).get("degraded", "")
        if weaker:
            degraded["sandbox"] = weaker
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
            )
        )


def build(
    settings: Settings,
    *,
    serving: bool = True,
    failpoints: Failpoints | None = None,
    launcher_failpoints: Mapping[str, str] | None = None,
) -> App:
    """Put the pieces together; nothing is opened yet. PolicyUnloadable, ConfigurationError.

    The failpoints are for tests that pull the plug.
    """
    clock, ids = SystemClock(), SystemIds()
    folder = settings.server.data_dir.expanduser()
    security = settings.security
    redact = Redaction(_secrets(settings))
    artifacts = FileArtifacts(ArtifactConfig(folder=folder, key=_encryption_key(settings)))
    stores = open_sqlite(SqliteConfig(folder=folder, exclusive=serving), clock, ids, failpoints=failpoints)
    executor = LocalExecutor(
        _local_config(settings, folder),
        clock=clock,
        redactor=redact,
        artifacts=artifacts,
        failpoints=launcher_failpoints,
    )
    policy, tables = load_policy(settings.policy.admin_policy_file, settings.policy.user_policy_file)
    shell = ShellAnalyser(ShellAnalyserConfig(protected=(str(folder.resolve()),)), tables)
    execute = Execute(executors={"shell": executor}, clock=clock)
    judge = Judge(
        analysers={"shell": shell},
        policy=policy,
        hashes=LocalFileHashes(),
        backend=execute.backend,
        host_reach=settings.execution.host_reach,
    )
    live, dispatch = LiveHub(), InProcessDispatch(clock)
    index = Fts5Index(folder / "index")
    agent = Agent(
        stores=stores,
        accept=Accept(
            runs=stores.runs, runbooks=stores.runbooks, connections=stores.connections, clock=clock, ids=ids
        ),
        correlate=Correlate(tickets=stores.tickets, connections=stores.connections, clock=clock, ids=ids),
        judge=judge,
        index=index,
        parse_runbook=_parse,
        dispatch=dispatch,
        live=live,
        clock=clock,
        enabled=settings.intake.enabled,
    )
    client = OutboundClient(
        OutboundConfig(
            allow_private=security.allow_private_callbacks,
            allowed_hosts=security.private_callback_hosts,
            ca_file=security.ca_file,
        ),
        clock,
    )
    webhook = WebhookChannel(WebhookConfig(secret=security.callback_secret.get_secret_value()), client, clock)
    outbox = Outbox(stores.notices, {webhook.name: webhook}, clock, ids)
    kit = Kit(
        stores=stores,
        clock=clock,
        live=live,
        artifacts=artifacts,
        reasoner=RunbookReasoner(),
        find_runbook=FindRunbook(runbooks=stores.runbooks, index=index),
        propose=Propose(clock=clock),
        judge=judge,
        ask=Ask(clock=clock, ids=ids, expiry_s=settings.worker.approval_expiry_seconds),
        execute=execute,
        close=Close(clock=clock, auto_close=settings.intake.auto_close),
        limits=_limits(settings),
        told=outbox.hint,
    )
    return App(
        settings=settings,
        serving=serving,
        folder=folder,
        clock=clock,
        ids=ids,
        stores=stores,
        executor=executor,
        agent=agent,
        worker=Worker(kit=kit, dispatch=dispatch, config=_worker_config(settings, ids)),
        outbox=outbox,
        sweeper=Sweeper(housekeeping=stores.housekeeping, clock=clock),
        live=live,
        sources=_sources(settings, ids),
        artifacts=artifacts,
    )


def _parse(text: str, path: str, tenant: str) -> Runbook:
    return parse_runbook(text, path=path, tenant=tenant)


def _sources(settings: Settings, ids: SystemIds) -> dict[str, SignalSource]:
    secrets = {name: secret.get_secret_value() for name, secret in settings.security.webhook_secrets.items()}
    made: tuple[SignalSource, ...] = (
        AlertmanagerSource(AlertmanagerConfig(secret=secrets.get("alertmanager", "")), ids),
        PrometheusSource(PrometheusConfig(secret=secrets.get("prometheus", "")), ids),
    )
    return {source.name: source for source in made}


def _local_config(settings: Settings, folder: Path) -> LocalConfig:
    execution = settings.execution
    forced = {"bwrap": Backend.BWRAP, "rlimits": Backend.RLIMITS}.get(execution.sandbox_backend)
    return LocalConfig(
        state=folder / "state",
        sandbox_root=execution.sandbox_root,
        command_uid=execution.command_uid,
        hidden=(folder.resolve(),),
        force=forced,
        output_cap_bytes=execution.output_cap_bytes,
    )


def _limits(settings: Settings) -> Limits:
    worker = settings.worker
    return Limits(
        active_s=worker.run_active_seconds,
        measure_every_s=worker.measure_every_seconds,
        settle_s=worker.settle_seconds,
        cooldown_s=worker.cooldown_seconds,
        per_hour=worker.effects_per_hour,
        per_target=worker.commands_per_target,
    )


def _worker_config(settings: Settings, ids: SystemIds) -> WorkerConfig:
    worker = settings.worker
    return WorkerConfig(
        name=f"worker-{ids.uuid()[:8]}",
        at_once=worker.workers_per_process,
        per_tenant=worker.runs_per_tenant,
        lease_s=worker.lease_seconds,
        sweep_s=worker.sweep_seconds,
    )


def _encryption_key(settings: Settings) -> bytes | None:
    text = settings.security.credential_encryption_key.get_secret_value()
    return base64.urlsafe_b64decode(text) if text else None


def _secrets(settings: Settings) -> list[str]:
    security = settings.security
    known = (
        security.credential_encryption_key,
        security.slack_signing_secret,
        security.jira_webhook_secret,
        security.callback_secret,
        *security.webhook_secrets.values(),
    )
    return [secret.get_secret_value() for secret in known if secret.get_secret_value()]


def _degraded(settings: Settings) -> Mapping[str, str]:
    degraded = {}
    if not settings.security.credential_encryption_key.get_secret_value():
        degraded["encryption"] = (
            "CREDENTIAL_ENCRYPTION_KEY is not set: no credential is stored, and steps that save files are refused."
        )
    if not settings.execution.host_reach:
        degraded["host"] = "Connections that reach this machine are off (OPSAGENT_HOST_REACH=true enables them)."
    if not settings.intake.enabled:
        degraded["intake"] = "AGENT_OPS_ENABLED is false: nothing new is taken in."
    return degraded
