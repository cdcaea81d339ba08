"""The doors over a real Agent on stores in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from opsagent.adapters.alertmanager.config import AlertmanagerConfig
from opsagent.adapters.alertmanager.source import AlertmanagerSource
from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.calendar import CronCalendar
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.dispatch.inprocess import InProcessDispatch
from opsagent.adapters.executors.local.hashes import LocalFileHashes
from opsagent.adapters.jira.config import JiraIntakeConfig
from opsagent.adapters.jira.source import JiraSource
from opsagent.adapters.knowledge.from_folder import AllowedFolders
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.adapters.live import LiveHub
from opsagent.adapters.notify.webhook import WebhookChannel, WebhookConfig
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.adapters.passwords import Argon2Config, Argon2Passwords
from opsagent.adapters.policy_files import load_policy
from opsagent.adapters.prometheus.rules import read_rules
from opsagent.adapters.secrets.broker import Broker
from opsagent.adapters.secrets.sealing import Sealing
from opsagent.adapters.skills.shelves import SkillShelves
from opsagent.adapters.slack.api import SlackApi
from opsagent.adapters.slack.chat import SlackChat
from opsagent.adapters.slack.config import SlackConfig
from opsagent.adapters.stores.memory import open_memory
from opsagent.bootstrap.outfit import runbook_reader
from opsagent.domain.approval import Approval
from opsagent.domain.audience import Audience
from opsagent.domain.command import Command, OutsideSpan, digest
from opsagent.domain.connection import Connection
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.identity import ApiKey, PrincipalKind, Role
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.outcome import Outcome
from opsagent.domain.policy import Policy
from opsagent.domain.run import Node, Run, RunResult, RunStatus, Source
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import NotFound
from opsagent.loop.agent import Agent
from opsagent.loop.library import Readers
from opsagent.loop.people import People
from opsagent.loop.sessions import Sessions
from opsagent.loop.telling import Telling
from opsagent.ports.analyser import Analyser
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.secrets import Login
from opsagent.ports.stores import Change, Lease, Stores
from opsagent.stages.accept import Accept
from opsagent.stages.correlate import Correlate
from opsagent.stages.judge import Judge
from opsagent.stages.silence import FindSilence
from opsagent.web.app import create_app
from opsagent.web.deps import Readiness, WebConfig, WebDeps

KEYS = {
    "intake": (Role.INTAKE, PrincipalKind.SERVICE),
    "viewer": (Role.VIEWER, PrincipalKind.PERSON),
    "operator": (Role.OPERATOR, PrincipalKind.SERVICE),
    "approver": (Role.APPROVER, PrincipalKind.PERSON),
    "admin": (Role.ADMIN, PrincipalKind.PERSON),
    "robot": (Role.ADMIN, PrincipalKind.SERVICE),
}
MANIFEST = Manifest(proof=Proof.EFFECT, services=("shop.service",), reasons=("it restarts a service",))
VERDICT = Verdict(decision=Decision.ASK, rule="effects-ask", reason="it changes something", manifest=MANIFEST)
RUNBOOK = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
---
# The shop is down

## Diagnosis

```shell name=look
uptime
```
"""


def secret_of(name: str) -> str:
    return f"opsa_{name}-secret"


def headers_of(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret_of(name)}"}


@dataclass
class Web:
    """The app, its agent, and the moves a test makes."""

    app: FastAPI
    agent: Agent
    live: LiveHub
    deps: WebDeps
    tenant: str = "default"
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, name: str = "admin", *, base: str = "http://ops.test") -> httpx.AsyncClient:
        headers = headers_of(name) if name else {}
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=base, headers=headers)
        self.clients.append(client)
        return client

    async def run(self, text: str = "look at it", **changes: object) -> Run:
        trigger = Trigger(tenant=self.tenant, source=Source.API, text=text, requested_by="person:test")
        run = await self.agent.submit(replace(trigger, **changes))
        await self.note(run, "Accepted.")
        return run

    async def lease(self, run: Run) -> tuple[Lease, Run]:
        claimed = await self.agent.stores.runs.claim(run.tenant, run.id, "worker", 60.0)
        assert claimed is not None
        lease, held = claimed
        return lease, held.begin(self.deps.clock.now())

    async def ask(self, run: Run, number: int = 1, text: str = "systemctl restart shop", **changes: object) -> Approval:
        """Park the run with a question about a step."""
        lease, held = await self.lease(run)
        now = self.deps.clock.now()
        step = step_of(run, number, text, StepStatus.AWAITING_APPROVAL)
        bound = digest(step.command, tenant=run.tenant, run_id=run.id, step_id=step.id, attempt=step.attempt)
        approval = Approval(
            id=f"approval-{run.id}-{number}",
            tenant=run.tenant,
            run_id=run.id,
            step_id=step.id,
            step_number=number,
            attempt=1,
            digest=bound,
            target="shop",
            command=text,
            manifest=MANIFEST,
            requested_at=now,
            expires_at=now + 3600,
            why="the shop does not answer",
            title="The shop is down",
            task=run.task,
            runbook_id=run.runbook_id,
            undo="systemctl stop shop",
            reason=VERDICT.reason,
        )
        approval = replace(approval, **changes)
        step = replace(step, digest=bound, approval_id=approval.id)
        parked = replace(held.park(now, until=approval.expires_at), current_step=step.id)
        await self.agent.stores.runs.save(lease, Change(run=parked, steps=(step,), approvals=(approval,)))
        await self.agent.stores.runs.release(lease)
        self.live.changed(run.tenant, run.id)
        return approval

    async def note(self, run: Run, *contents: str, output: str = "") -> None:
        events = [event_of(run, content, output) for content in contents]
        for event in await self.agent.stores.journal.append(events):
            self.live.publish(event)

    async def end(self, run: Run, status: RunStatus = RunStatus.COMPLETED, *, outcome: Outcome | None = None) -> None:
        """Let the run end, with one step that succeeded if an outcome is given."""
        lease, held = await self.lease(run)
        now = self.deps.clock.now()
        result = RunResult(summary="all is well", tools_used=("shell",), iterations=1)
        steps = [replace(step_of(run, 1, "uptime", StepStatus.SUCCEEDED), outcome=outcome)] if outcome else []
        ended = replace(held.end(status, now, result=result), next_node=Node.FINAL)
        await self.agent.stores.runs.save(lease, Change(run=ended, steps=steps, events=(event_of(run, "the end"),)))
        self.live.changed(run.tenant, run.id)


def step_of(run: Run, number: int, text: str, status: StepStatus) -> Step:
    return Step(
        id=f"{run.id}.{number}",
        run_id=run.id,
        tenant=run.tenant,
        number=number,
        name=f"step-{number}",
        phase=Phase.MITIGATION,
        command=Command(
            executor="shell", text=text, connection_id="sandbox", outside=(OutsideSpan(0, 3, "alert label service"),)
        ),
        status=status,
        verdict=VERDICT,
        created_at=run.created_at,
        updated_at=run.created_at,
    )


def event_of(run: Run, content: str, output: str = "") -> RunEvent:
    return RunEvent(
        run_id=run.id,
        tenant=run.tenant,
        type=EventType.TOOL_RESULT if output else EventType.PLANNING,
        node="tools" if output else "planner",
        content=content,
        tool_output=output,
        created_at=run.created_at,
    )


QUICK = Argon2Config(time_cost=1, memory_kib=64, lanes=1)
SLACK = SlackConfig(signing_secret="the-signing-secret-of-the-tests", api_url="http://127.0.0.1:9/api")


def slack_chat(clock: Clock) -> SlackChat:
    """One that takes what is signed, and reaches nobody."""
    return SlackChat(SLACK, SlackApi(SLACK, OutboundClient(OutboundConfig(), clock), clock))


async def _ready() -> Readiness:
    return Readiness(ready=True)


class NoCredentials:
    """A keeper with nothing in it."""

    async def version(self, tenant: str, name: str, connection: Connection) -> int:
        raise NotFound(f"{tenant} has no credential {name} for {connection.name}.")

    async def open(self, tenant: str, name: str, connection: Connection) -> Login:
        raise NotFound(f"{tenant} has no credential {name} for {connection.name}.")


def _judge(policy: Policy, analysers: Mapping[str, Analyser]) -> Judge:
    return Judge(
        analysers=analysers,
        policy=policy,
        hashes=LocalFileHashes(Path("/nowhere")),
        backend=lambda _executor: "bubblewrap",
        host_reach=frozenset("*"),
        secrets=NoCredentials(),
    )


@pytest.fixture
def shipped_judge() -> Judge:
    """The judge of a new installation; most tests ask no judge and do without its tables."""
    policy, tables = load_policy(None, None)
    return _judge(policy, {"shell": ShellAnalyser(ShellAnalyserConfig(), tables)})


def telling(stores: Stores, clock: Clock, ids: Ids) -> Telling:
    """One channel that is set up, and one address that is told by it; nothing is ever sent."""
    client = OutboundClient(OutboundConfig(), clock)
    hook = Audience(channel="webhook", address="https://hooks.example/very/secret", name="room")
    channels = {"webhook": WebhookChannel(WebhookConfig(), client, clock)}
    return Telling(
        notices=stores.notices, channels=channels, audiences=(hook,), clock=clock, ids=ids, hint=lambda: None
    )


MakeWeb = Callable[..., Awaitable[Web]]


@pytest.fixture
async def make_web(tmp_path: Path) -> AsyncIterator[MakeWeb]:
    """Build as many apps as a test wants: `await make_web(enabled=False, rate_per_minute=60, ...)`."""
    made: list[Web] = []

    async def make(
        *,
        enabled: bool = True,
        judge: Judge | None = None,
        readiness: Callable[[], Awaitable[Readiness]] = _ready,
        alertmanager_secret: str = "",
        jira_secret: str = "",
        keys: Mapping[str, tuple[Role, PrincipalKind]] = KEYS,
        **config: object,
    ) -> Web:
        clock, ids, live = SystemClock(), SystemIds(), LiveHub()
        stores = open_memory(clock, ids)
        await stores.housekeeping.open()
        agent = Agent(
            stores=stores,
            accept=Accept(
                runs=stores.runs,
                runbooks=stores.runbooks,
                connections=stores.connections,
                clock=clock,
                ids=ids,
                skills=SkillShelves(),
            ),
            find_silence=FindSilence(silences=stores.silences, calendar=CronCalendar(), clock=clock),
            correlate=Correlate(tickets=stores.tickets, clock=clock, ids=ids),
            judge=judge or _judge(Policy(version="empty"), {}),
            index=Fts5Index(None),
            parse_runbook=lambda text, path, tenant: parse_runbook(text, path=path, tenant=tenant),
            readers=Readers(page=runbook_reader(), rules=read_rules, source=AllowedFolders([tmp_path / "runbooks"])),
            dispatch=InProcessDispatch(clock),
            live=live,
            clock=clock,
            enabled=enabled,
        )
        for name, (role, kind) in keys.items():
            hashed = hashlib.sha256(secret_of(name).encode()).hexdigest()
            key = ApiKey(
                id=f"key-{name}",
                tenant="default",
                role=role,
                kind=kind,
                name=name,
                secret_sha256=hashed,
                created_at=clock.now(),
            )
            await stores.keys.put(key, "test")
        source = AlertmanagerSource(AlertmanagerConfig(secret=alertmanager_secret), ids)
        passwords = Argon2Passwords(QUICK)
        deps = WebDeps(
            agent=agent,
            telling=telling(stores, clock, ids),
            people=People(people=stores.people, passwords=passwords, clock=clock, ids=ids),
            sessions=Sessions(
                people=stores.people,
                keys=stores.keys,
                sessions=stores.sessions,
                audit=stores.audit,
                passwords=passwords,
                clock=clock,
                ids=ids,
            ),
            clock=clock,
            ids=ids,
            sources={"alertmanager": source},
            triggers={"jira": JiraSource(JiraIntakeConfig(secret=jira_secret, site="https://acme.atlassian.net"))},
            config=WebConfig(**{"version": "1.2.3", "tick_s": 0.2, "session_key": b"k" * 32, **config}),
            readiness=readiness,
            registry=CollectorRegistry(),
            chats={"slack": slack_chat(clock)},
            credentials=Broker(stores.credentials, Sealing([b"k" * 32]), {}, clock, ids, lambda _values: None),
        )
        web = Web(app=create_app(deps), agent=agent, live=live, deps=deps)
        made.append(web)
        return web

    yield make
    for web in made:
        for client in web.clients:
            await client.aclose()
        await web.agent.index.close()
        await web.agent.stores.housekeeping.close()


@pytest.fixture
async def web(make_web: MakeWeb) -> Web:
    return await make_web()


@pytest.fixture
def runbook_text() -> str:
    return RUNBOOK
