"""Puts the pieces together; nothing is opened here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from opsagent.adapters.artifacts.files import FileArtifacts
from opsagent.adapters.audit_heads import HeadFile
from opsagent.adapters.calendar import CronCalendar
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.correlation.file import load_correlation
from opsagent.adapters.dispatch.inprocess import InProcessDispatch
from opsagent.adapters.escalation_file import load_escalations
from opsagent.adapters.executors.aws.executor import AwsExecutor
from opsagent.adapters.executors.http.executor import HttpExecutor
from opsagent.adapters.executors.local import LocalExecutor
from opsagent.adapters.executors.local.hashes import LocalFileHashes
from opsagent.adapters.executors.mcp.executor import McpExecutor
from opsagent.adapters.executors.mcp.looking import ToolHashes, ToolLook
from opsagent.adapters.executors.powershell.executor import PowerShellExecutor
from opsagent.adapters.executors.powershell.over_ssh import SshLink
from opsagent.adapters.executors.powershell.over_winrm import WinRmLink
from opsagent.adapters.executors.sql.executor import SqlExecutor
from opsagent.adapters.executors.ssh.executor import SshExecutor
from opsagent.adapters.executors.ssh.hashes import SshFileHashes
from opsagent.adapters.failpoints import Failpoints
from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.adapters.live import LiveHub
from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.policy_files import load_policy
from opsagent.adapters.redaction import Redaction
from opsagent.adapters.secrets.broker import Broker
from opsagent.adapters.skills.shelves import SkillShelves
from opsagent.adapters.slack.api import SlackApi
from opsagent.adapters.slack.chat import SlackChat
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.bootstrap import configs, reasoning
from opsagent.bootstrap.analysers import analysers
from opsagent.bootstrap.app import App
from opsagent.bootstrap.channels import audiences, channels
from opsagent.bootstrap.entrance import entrance
from opsagent.bootstrap.hashes import HashesByExecutor
from opsagent.bootstrap.parts import Parts
from opsagent.bootstrap.reading import readers
from opsagent.bootstrap.sources import sources
from opsagent.bootstrap.vectors import runbook_index
from opsagent.domain.runbook import Runbook
from opsagent.loop.agent import Agent
from opsagent.loop.drive import Kit
from opsagent.loop.pressure import Pressure
from opsagent.loop.telling import Telling
from opsagent.loop.worker import Worker
from opsagent.ports.chat import Chat
from opsagent.ports.executor import Executor
from opsagent.ports.index import RunbookIndex
from opsagent.ports.notify import Channel
from opsagent.ports.secrets import Secrets
from opsagent.ports.stores import Stores
from opsagent.settings import Settings
from opsagent.stages.accept import Accept
from opsagent.stages.ask import Ask
from opsagent.stages.close import AutoClose, Close
from opsagent.stages.correlate import Correlate
from opsagent.stages.execute import Execute
from opsagent.stages.find_runbook import FindRunbook
from opsagent.stages.judge import Judge
from opsagent.stages.learn import Learn
from opsagent.stages.propose import Propose
from opsagent.stages.remind import Remind
from opsagent.stages.silence import FindFreezes, FindSilence
from opsagent.stages.tell import Tell
from opsagent.watch.escalations import EscalationWatch
from opsagent.watch.heads import HeadWatch
from opsagent.watch.housekeeping import Sweeper
from opsagent.watch.hushed import HushedWatch
from opsagent.watch.outbox import Outbox
from opsagent.watch.schedules import Scheduler
from opsagent.watch.silence import SilenceWatch


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
    address = f"http://{settings.server.host}:{settings.server.port}"
    where = SqliteConfig(folder=folder, exclusive=serving, address=address)
    stores = open_sqlite(where, world.clock, world.ids, failpoints=failpoints, tell=world.live.anything)
    index = runbook_index(settings, world.redaction, world.clock, serving=serving)
    outbox, broker = world.outbox(stores), world.broker(stores)
    kit = world.kit(stores, index, broker, told=outbox.hint)
    agent = world.agent(stores, index, kit)
    return App(
        settings=settings,
        serving=serving,
        folder=folder,
        clock=world.clock,
        ids=world.ids,
        stores=stores,
        executor=world.executor,
        executors=world.executors,
        targets=world.targets,
        closing=(world.ssh.close, index.close),
        index=index,
        broker=broker,
        agent=agent,
        scheduler=world.scheduler(stores, agent),
        worker=Worker(
            kit=kit, dispatch=world.dispatch, pressure=world.pressure, config=configs.worker(settings, world.ids)
        ),
        outbox=outbox,
        telling=world.telling(stores, outbox.hint),
        entrance=entrance(settings, stores, world.clock, world.ids),
        sweeper=Sweeper(
            housekeeping=stores.housekeeping, artifacts=world.artifacts, forget=kit.execute.forget, clock=world.clock
        ),
        silence=SilenceWatch(
            heartbeats=stores.heartbeats,
            receive=agent.receive,
            clock=world.clock,
            ids=world.ids,
            silent_after_s=settings.intake.heartbeat_minutes * 60.0 if settings.intake.enabled else 0.0,
        ),
        hushed=world.hushed(stores, agent),
        escalating=world.escalating(stores, outbox),
        heads=world.heads(stores),
        live=world.live,
        sources=sources(settings, world.clock, world.ids),
        chats=world.chats,
        triggers=configs.triggers(settings),
        artifacts=world.artifacts,
        parts=Parts(clock=world.clock),
    )


def channel_names(settings: Settings) -> Collection[str]:
    """Every way out that is set up. ConfigurationError."""
    return _World(settings=settings, launcher_failpoints=None).channels.keys()


@dataclass(kw_only=True)
class _World:
    """The pieces that several others share."""

    settings: Settings
    launcher_failpoints: Mapping[str, str] | None
    clock: SystemClock = field(default_factory=SystemClock)
    ids: SystemIds = field(default_factory=SystemIds)
    live: LiveHub = field(default_factory=LiveHub)
    pressure: Pressure = field(default_factory=Pressure)
    calendar: CronCalendar = field(default_factory=CronCalendar)

    def __post_init__(self) -> None:
        self.dispatch = InProcessDispatch(self.clock)
        self.artifacts = FileArtifacts(configs.artifacts(self.settings))
        self.redaction = Redaction(configs.secrets(self.settings))
        self.sql = SqlExecutor(configs.sql(self.settings), clock=self.clock, redactor=self.redaction)
        self.ssh = SshExecutor(
            configs.ssh(self.settings),
            clock=self.clock,
            ids=self.ids,
            redactor=self.redaction,
            artifacts=self.artifacts,
        )
        powershell = configs.powershell(self.settings)
        self.powershell = PowerShellExecutor(
            powershell,
            ssh=SshLink(self.ssh.sessions),
            winrm=WinRmLink(powershell, self.settings.security.ca_file),
            clock=self.clock,
            ids=self.ids,
            redactor=self.redaction,
        )
        self.skills = SkillShelves(self.settings.people.skills_folder)
        self.channels = self._channels()
        self.audiences = audiences(self.settings, self.channels.keys())
        self.sealing = configs.sealing(self.settings)
        self.correlation = load_correlation(self.settings.intake.correlation_file)
        files = self.settings.policy
        self.policy, self.tables = load_policy(files.admin_policy_file, files.user_policy_file)
        self.executor = LocalExecutor(
            configs.local(self.settings, self.policy),
            clock=self.clock,
            redactor=self.redaction,
            artifacts=self.artifacts,
            failpoints=self.launcher_failpoints,
        )
        self.http = HttpExecutor(
            configs.http(self.settings, self.policy),
            clock=self.clock,
            redactor=self.redaction,
            artifacts=self.artifacts,
            failpoints=self.launcher_failpoints,
        )
        self.aws = AwsExecutor(
            configs.local(self.settings, self.policy),
            clock=self.clock,
            redactor=self.redaction,
            artifacts=self.artifacts,
            failpoints=self.launcher_failpoints,
            beside=self.executor,
        )
        self.mcp = McpExecutor(
            configs.mcp(self.settings, self.policy),
            clock=self.clock,
            redactor=self.redaction,
            artifacts=self.artifacts,
            failpoints=self.launcher_failpoints,
            beside=self.executor,
        )

    def outbox(self, stores: Stores) -> Outbox:
        return Outbox(stores.notices, self.channels, self.clock, self.ids, publish=self.live.publish)

    def telling(self, stores: Stores, hint: Callable[[], None]) -> Telling:
        return Telling(
            notices=stores.notices,
            channels=self.channels,
            audiences=self.audiences,
            clock=self.clock,
            ids=self.ids,
            hint=hint,
        )

    def scheduler(self, stores: Stores, agent: Agent) -> Scheduler:
        return Scheduler(
            schedules=stores.schedules,
            runs=stores.runs,
            calendar=self.calendar,
            clock=self.clock,
            submit=lambda trigger, key: agent.submit(trigger, key=key),
        )

    def hushed(self, stores: Stores, agent: Agent) -> HushedWatch:
        return HushedWatch(
            silences=stores.silences,
            tickets=stores.tickets,
            silenced=agent.find_silence,
            receive=agent.receive,
            clock=self.clock,
            ids=self.ids,
        )

    def escalating(self, stores: Stores, outbox: Outbox) -> EscalationWatch:
        remind = self.remind
        return EscalationWatch(
            escalations=stores.escalations,
            policies=load_escalations(self.settings.people.escalation_file, self.channels.keys()),
            notices=remind.notices,
            lines=remind.lines,
            clock=self.clock,
            told=outbox.hint,
            changed=self.live.changed,
        )

    @property
    def remind(self) -> Remind:
        able = frozenset(name for name, one in self.channels.items() if one.changes)
        return Remind(public_url=self.settings.server.public_url, changeable=able)

    def broker(self, stores: Stores) -> Broker:
        keepers = configs.keepers(self.settings, self.clock)
        return Broker(stores.credentials, self.sealing, keepers, self.clock, self.ids, self.redaction.learn)

    def _channels(self) -> Mapping[str, Channel]:
        self.client = client = OutboundClient(configs.outbound(self.settings), self.clock)
        slack = configs.slack(self.settings)
        slack_api = SlackApi(slack, client, self.clock)
        self.chats: Mapping[str, Chat] = {"slack": SlackChat(slack, slack_api)}
        return channels(self.settings, client, slack_api, self.clock)

    @property
    def targets(
        self,
    ) -> Mapping[str, SqlExecutor | SshExecutor | HttpExecutor | AwsExecutor | PowerShellExecutor | McpExecutor]:
        """What can be registered besides this machine, by executor."""
        return {
            "sql": self.sql,
            "ssh": self.ssh,
            "http": self.http,
            "aws": self.aws,
            "powershell": self.powershell,
            "mcp": self.mcp,
        }

    @property
    def executors(self) -> Mapping[str, Executor]:
        return {"shell": self.executor, **self.targets}

    def judge(self, execute: Execute, secrets: Secrets) -> Judge:
        look = ToolLook(self.mcp, secrets, self.clock)
        return Judge(
            analysers=analysers(self.settings, self.tables, look),
            policy=self.policy,
            hashes=HashesByExecutor(
                {
                    "shell": LocalFileHashes(self.settings.execution.sandbox_root),
                    "ssh": SshFileHashes(exchange=self.ssh.exchange, secrets=secrets),
                    "mcp": ToolHashes(look),
                }
            ),
            backend=execute.backend,
            host_backend=lambda name: self.executor.host_backend if name == self.executor.name else "",
            host_reach=configs.host_reach_tenants(self.settings),
            secrets=secrets,
        )

    def heads(self, stores: Stores) -> HeadWatch:
        """What carries the audit record's heads out of the store."""
        security, folder = self.settings.security, self.settings.server.data_dir.expanduser()
        return HeadWatch(
            audit=stores.audit,
            keeper=HeadFile((security.audit_heads_dir or folder / "audit-heads").expanduser()),
            notices=stores.notices,
            clock=self.clock,
            every_s=security.audit_heads_seconds,
            url=security.audit_heads_url,
        )

    def kit(self, stores: Stores, index: RunbookIndex, secrets: Secrets, *, told: Callable[[], None]) -> Kit:
        execute = Execute(executors=self.executors, secrets=secrets, clock=self.clock)
        return Kit(
            stores=stores,
            clock=self.clock,
            live=self.live,
            artifacts=self.artifacts,
            reasoner=reasoning.reasoner(self.settings, self.around(stores)),
            find_runbook=FindRunbook(runbooks=stores.runbooks, index=index),
            find_freezes=FindFreezes(
                control=stores.control, silences=stores.silences, calendar=self.calendar, clock=self.clock
            ),
            propose=Propose(clock=self.clock),
            judge=self.judge(execute, secrets),
            ask=Ask(clock=self.clock, ids=self.ids, expiry_s=self.settings.worker.approval_expiry_seconds),
            execute=execute,
            tell=Tell(
                clock=self.clock,
                public_url=self.settings.server.public_url,
                audiences=self.audiences,
                channels=self.channels,
            ),
            close=Close(
                clock=self.clock,
                auto_close=AutoClose(self.settings.intake.auto_close),
                threshold=self.settings.intake.auto_close_least_percent / 100,
            ),
            learn=Learn(clock=self.clock, redact=self.redaction),
            limits=configs.limits(self.settings),
            told=told,
            skills=self.skills,
        )

    def around(self, stores: Stores) -> reasoning.Around:
        redact, spending = self.redaction, stores.spending
        return reasoning.Around(redact=redact, spending=spending, live=self.live, clock=self.clock, ids=self.ids)

    def agent(self, stores: Stores, index: RunbookIndex, kit: Kit) -> Agent:
        return Agent(
            stores=stores,
            accept=Accept(
                runs=stores.runs,
                runbooks=stores.runbooks,
                connections=stores.connections,
                clock=self.clock,
                ids=self.ids,
                skills=self.skills,
                models=reasoning.models(self.settings),
            ),
            find_silence=FindSilence(silences=stores.silences, calendar=self.calendar, clock=self.clock),
            correlate=Correlate(tickets=stores.tickets, clock=self.clock, ids=self.ids, rules=self.correlation),
            judge=kit.judge,
            index=index,
            parse_runbook=_parse,
            readers=readers(self.settings, self.client),
            dispatch=self.dispatch,
            live=self.live,
            clock=self.clock,
            enabled=self.settings.intake.enabled,
            auto_close=kit.close.auto_close,
            threshold=kit.close.threshold,
            remind=self.remind,
            pressure=self.pressure,
            answerer=reasoning.answerer(self.settings, self.around(stores)),
        )


def _parse(text: str, path: str, tenant: str) -> Runbook:
    return parse_runbook(text, path=path, tenant=tenant)
