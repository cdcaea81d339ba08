"""Puts the pieces together; nothing is opened here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser
from opsagent.adapters.analysers.sql.analyser import SqlAnalyser
from opsagent.adapters.artifacts.files import FileArtifacts
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.dispatch.inprocess import InProcessDispatch
from opsagent.adapters.executors.local import LocalExecutor
from opsagent.adapters.executors.local.hashes import LocalFileHashes
from opsagent.adapters.executors.sql.executor import SqlExecutor
from opsagent.adapters.failpoints import Failpoints
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.adapters.live import LiveHub
from opsagent.adapters.notify.webhook import WebhookChannel
from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.policy_files import load_policy
from opsagent.adapters.reasoners.runbook import RunbookReasoner
from opsagent.adapters.redaction import Redaction
from opsagent.adapters.secrets.broker import Broker, BrokerConfig
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.bootstrap import configs
from opsagent.bootstrap.app import App
from opsagent.domain.runbook import Runbook
from opsagent.loop.agent import Agent
from opsagent.loop.drive import Kit
from opsagent.loop.pressure import Pressure
from opsagent.loop.worker import Worker
from opsagent.ports.executor import Executor
from opsagent.ports.index import RunbookIndex
from opsagent.ports.secrets import Secrets
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


def build(
    settings: Settings,
    *,
    serving: bool = True,
    failpoints: Failpoints | None = None,
    launcher_failpoints: Mapping[str, str] | None = None,
) -> App:
    """An app that owns its data folder and works (`serving`), or one beside it that only opens the store.

    The failpoints are for tests that pull the plug. PolicyUnloadable, ConfigurationError.
    """
    world = _World(settings=settings, launcher_failpoints=launcher_failpoints)
    folder = settings.server.data_dir.expanduser()
    server = settings.server
    where = SqliteConfig(folder=folder, exclusive=serving, address=f"http://{server.host}:{server.port}")
    stores = open_sqlite(where, world.clock, world.ids, failpoints=failpoints)
    index = Fts5Index(folder / "index")
    outbox = world.outbox(stores)
    broker = world.broker(stores)
    kit = world.kit(stores, index, broker, told=outbox.hint)
    return App(
        settings=settings,
        serving=serving,
        folder=folder,
        clock=world.clock,
        ids=world.ids,
        stores=stores,
        executor=world.executor,
        executors=world.executors,
        targets={"sql": world.sql},
        broker=broker,
        agent=world.agent(stores, index, kit.judge),
        worker=Worker(
            kit=kit, dispatch=world.dispatch, pressure=world.pressure, config=configs.worker(settings, world.ids)
        ),
        outbox=outbox,
        sweeper=Sweeper(
            housekeeping=stores.housekeeping, artifacts=world.artifacts, forget=kit.execute.forget, clock=world.clock
        ),
        live=world.live,
        sources=configs.sources(settings, world.ids),
        artifacts=world.artifacts,
    )


@dataclass(kw_only=True)
class _World:
    """The pieces that several others share."""

    settings: Settings
    launcher_failpoints: Mapping[str, str] | None
    clock: SystemClock = field(default_factory=SystemClock)
    ids: SystemIds = field(default_factory=SystemIds)
    live: LiveHub = field(default_factory=LiveHub)
    pressure: Pressure = field(default_factory=Pressure)

    def __post_init__(self) -> None:
        self.dispatch = InProcessDispatch(self.clock)
        self.artifacts = FileArtifacts(configs.artifacts(self.settings))
        self.redaction = Redaction(configs.secrets(self.settings))
        self.sql = SqlExecutor(configs.sql(self.settings), clock=self.clock, redactor=self.redaction)
        self.sealing = configs.sealing(self.settings)
        self.executor = LocalExecutor(
            configs.local(self.settings),
            clock=self.clock,
            redactor=self.redaction,
            artifacts=self.artifacts,
            failpoints=self.launcher_failpoints,
        )

    def outbox(self, stores: Stores) -> Outbox:
        client = OutboundClient(configs.outbound(self.settings), self.clock)
        webhook = WebhookChannel(configs.webhook(self.settings), client, self.clock)
        return Outbox(stores.notices, {webhook.name: webhook}, self.clock, self.ids)

    def broker(self, stores: Stores) -> Broker:
        config = BrokerConfig(files_root=self.settings.security.secret_files_root)
        return Broker(config, stores.credentials, self.sealing, self.clock, self.ids, self.redaction.learn)

    @property
    def executors(self) -> Mapping[str, Executor]:
        return {"shell": self.executor, "sql": self.sql}

    def judge(self, execute: Execute, secrets: Secrets) -> Judge:
        policy, tables = load_policy(self.settings.policy.admin_policy_file, self.settings.policy.user_policy_file)
        return Judge(
            analysers={"shell": ShellAnalyser(configs.shell(self.settings), tables), "sql": SqlAnalyser()},
            policy=policy,
            hashes=LocalFileHashes(),
            backend=execute.backend,
            host_reach=self.settings.execution.host_reach,
            secrets=secrets,
        )

    def kit(self, stores: Stores, index: RunbookIndex, secrets: Secrets, *, told: Callable[[], None]) -> Kit:
        execute = Execute(executors=self.executors, secrets=secrets, clock=self.clock)
        return Kit(
            stores=stores,
            clock=self.clock,
            live=self.live,
            artifacts=self.artifacts,
            reasoner=RunbookReasoner(),
            find_runbook=FindRunbook(runbooks=stores.runbooks, index=index),
            propose=Propose(clock=self.clock),
            judge=self.judge(execute, secrets),
            ask=Ask(clock=self.clock, ids=self.ids, expiry_s=self.settings.worker.approval_expiry_seconds),
            execute=execute,
            close=Close(clock=self.clock, auto_close=self.settings.intake.auto_close),
            limits=configs.limits(self.settings),
            told=told,
        )

    def agent(self, stores: Stores, index: RunbookIndex, judge: Judge) -> Agent:
        return Agent(
            stores=stores,
            accept=Accept(
                runs=stores.runs,
                runbooks=stores.runbooks,
                connections=stores.connections,
                clock=self.clock,
                ids=self.ids,
            ),
            correlate=Correlate(tickets=stores.tickets, clock=self.clock, ids=self.ids),
            judge=judge,
            index=index,
            parse_runbook=_parse,
            dispatch=self.dispatch,
            live=self.live,
            clock=self.clock,
            enabled=self.settings.intake.enabled,
            pressure=self.pressure,
        )


def _parse(text: str, path: str, tenant: str) -> Runbook:
    return parse_runbook(text, path=path, tenant=tenant)
