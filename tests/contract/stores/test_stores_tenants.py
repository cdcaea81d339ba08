"""A tenant sees its own rows only: every method of every store port is walked with another tenant's everything."""

# ruff: noqa: ARG005 - every call takes the same two arguments, whichever it needs

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.domain.chat_user import ChatUser, Workspace
from opsagent.domain.connection import Connection
from opsagent.domain.conversation import Conversation, Line, LineKind
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.deployment import Deployment
from opsagent.domain.draft import Draft, DraftStatus
from opsagent.domain.ending import Closing, Ending, Feedback, History, How, Rate
from opsagent.domain.escalation import begin
from opsagent.domain.escalation_policy import Addressee, EscalationPolicy, EscalationStep, Occasion
from opsagent.domain.freeze import Freeze
from opsagent.domain.identity import Role
from opsagent.domain.matcher import Matcher, MatchKind
from opsagent.domain.person import Means, Person, Session
from opsagent.domain.quarantine import Quarantined
from opsagent.domain.run import Verified
from opsagent.domain.schedule import Schedule, Timing
from opsagent.domain.silence import MaintenanceWindow, Silence
from opsagent.domain.spending import Amount, Booking, Budget
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import TicketStatus
from opsagent.errors import NotFound, OpsAgentError
from opsagent.ports import stores as ports
from opsagent.ports.stores import Change, IdempotencyKey, Stores
from opsagent.ports.tickets import Measurement
from store_nouns import Nouns

POLICY = EscalationPolicy(
    name="nights",
    version="1",
    on=Occasion.TICKET_OPEN,
    steps=(EscalationStep(after_s=600, tell=(Addressee(name="room", channel="slack", address="#ops"),)),),
)
KEY = IdempotencyKey(key="k", request_sha256="a" * 64)


class Full:
    """A tenant with everything."""

    def __init__(self, nouns: Nouns) -> None:
        self.nouns = nouns

    async def fill(self, stores: Stores) -> Full:
        nouns, tenant = self.nouns, self.nouns.tenant
        self.arrival = nouns.arrival()
        (joined,) = await stores.tickets.receive([self.arrival])
        self.ticket = joined.ticket
        self.run = await stores.runs.create(nouns.run(), key=KEY)
        claimed = await stores.runs.claim(tenant, self.run.id, "w1", 30)
        assert claimed is not None
        self.lease, self.run = claimed
        self.step = nouns.step(self.run, status=StepStatus.UNKNOWN)
        self.approval = nouns.approval(self.step)
        self.notice = nouns.notice()
        measured = Measurement(tenant=tenant, fingerprint="f1", healthy=True, at=1.0, text="ok")
        self.ending = Ending(
            tenant=tenant,
            run_id=self.run.id,
            ticket_id=self.ticket.id,
            fingerprint="f1",
            at=nouns.clock.now(),
            how=How.BY_ITSELF,
            closing=Closing.CLOSED,
        )
        self.word = Feedback(tenant=tenant, ticket_id=self.ticket.id, real=True, by="person:ada", at=1.0)
        self.deployment = Deployment(id="d", tenant=tenant, service="shop", environment="prod", version="2", at=1.0)
        change = Change(
            ending=self.ending,
            run=self.run,
            steps=[self.step],
            approvals=[self.approval],
            notices=[self.notice],
            events=[nouns.event(self.run)],
            audit=[nouns.entry()],
            measured=measured,
        )
        self.run = await stores.runs.save(self.lease, change)
        await stores.triage.say(self.word, [])
        await stores.deployments.put(self.deployment)
        self.booking = Booking(tenant=tenant, run_id=self.run.id, day="2026-11-30", most=Amount(tokens=9, micros=5))
        await stores.spending.book(self.booking, Budget())
        waiting = await stores.escalations.waiting(Occasion.TICKET_OPEN, 10)
        case = next(one.case for one in waiting if one.case.tenant == tenant)
        self.escalation = begin(case, POLICY, identifier="esc", number=1, now=nouns.clock.now())
        await stores.escalations.begin([self.escalation])
        self.closed = nouns.arrival("f2")
        (joined,) = await stores.tickets.receive([self.closed])
        await stores.tickets.save(replace(joined.ticket, status=TicketStatus.CLOSED), [])
        self.runbook = await stores.runbooks.put(nouns.runbook(), "person:ada")
        self.connection = await stores.connections.put(Connection(id="", tenant=tenant, name="web-1"), "person:ada")
        self.credential = await stores.credentials.put(
            Credential(id="c1", tenant=tenant, name="db", kind=CredentialKind.TOKEN), b"sealed", "person:ada"
        )
        self.key = nouns.key()
        await stores.keys.put(self.key, "person:ada")
        now = nouns.clock.now()
        self.freeze = Freeze(id="z", tenant=tenant, starts_at=now, ends_at=now + 9, reason="sale", by="person:ada")
        await stores.control.freeze(self.freeze)
        self.user = ChatUser(tenant=tenant, chat="slack", user="U1", person="person:ada", role=Role.APPROVER)
        self.workspace = Workspace(chat="slack", id="T1", tenant=tenant)
        await stores.chat_users.link(self.user, "person:ada")
        await stores.chat_users.add_workspace(self.workspace, "person:ada")
        self.person = await stores.people.add(
            Person(id="p1", tenant=tenant, name="ada", login="ada", role=Role.ADMIN, subject="idp 1"), "person:ada"
        )
        self.session = Session(
            id_sha256="5" * 64,
            tenant=tenant,
            means=Means.PASSWORD,
            created_at=now,
            seen_at=now,
            ends_at=now + 99,
            person_id="p1",
        )
        await stores.sessions.begin(self.session, "person:ada")
        timing = Timing(cron="0 3 * * *")
        self.schedule = await stores.schedules.put(
            Schedule(id="", tenant=tenant, name="nightly", timing=timing, text="look", next_at=now + 60), "person:ada"
        )
        matchers = (Matcher(label="service", kind=MatchKind.IS, value="shop"),)
        self.silence = Silence(
            id="q", tenant=tenant, matchers=matchers, starts_at=now, ends_at=now + 9, comment="sale", by="person:ada"
        )
        await stores.silences.put(self.silence)
        window = MaintenanceWindow(id="", tenant=tenant, name="patch", timing=timing, duration_s=60, matchers=matchers)
        self.window = await stores.silences.put_window(window, "person:ada")
        await stores.control.set_switch(tenant, "paused", value=True, by="person:ada")
        self.talk = await stores.conversations.create(
            Conversation(id="talk", tenant=tenant, owner="person:ada", created_at=now, updated_at=now)
        )
        self.line = await stores.conversations.append(
            Line(tenant=tenant, conversation_id="talk", kind=LineKind.MESSAGE, text="hello", at=now)
        )
        self.draft = await stores.drafts.put(
            Draft(
                tenant=self.runbook.tenant,
                run_id="learned-from",
                runbook_id="learned",
                title="Learned",
                text="# Learned",
                verified=Verified.YES,
                created_at=1.0,
            )
        )
        self.kept = await stores.quarantine.keep(
            Quarantined(id="q1", tenant=tenant, source="grafana", received_at=now, body=b"{", size=1, why="no JSON")
        )
        await stores.heartbeats.beat(tenant, "grafana", now)
        return self

    async def everything(self, stores: Stores) -> object:
        """All the tenant can see of itself."""
        mine = self.nouns.tenant
        return (
            await stores.runs.list(mine),
            await stores.journal.steps(mine, self.run.id),
            await stores.journal.events(mine, self.run.id),
            await stores.approvals.of_run(mine, self.run.id),
            await stores.control.cancel_requested(mine, self.run.id),
            await stores.control.switches(mine),
            await stores.control.freezes(mine),
            await stores.tickets.list(mine),
            await stores.tickets.signals(mine, self.ticket.id),
            await stores.tickets.last_measurement(mine, "f1"),
            await stores.runbooks.list(mine),
            await stores.drafts.list(mine),
            await stores.conversations.list(mine),
            await stores.conversations.lines(mine, self.talk.id),
            await stores.connections.list(mine),
            await stores.credentials.sealed(mine, "db"),
            await stores.keys.list(mine),
            await stores.notices.list(mine),
            await stores.quarantine.list(mine),
            [one for one in await stores.heartbeats.list() if one.tenant == mine],
            await stores.schedules.list(mine),
            await stores.silences.list(mine),
            await stores.silences.windows(mine),
            await stores.audit.list(mine),
            await stores.triage.members(mine, self.ticket.id),
            await stores.chat_users.list(mine, "slack"),
            await stores.chat_users.workspaces(mine, "slack"),
            await stores.people.list(mine),
            await stores.sessions.find(self.session.id_sha256),
            await stores.triage.history(mine, "f1"),
            await stores.triage.said(mine, self.ticket.id),
            await stores.triage.answers(mine),
            await stores.triage.quality(mine),
            await stores.triage.days(mine, since=0),
            await stores.deployments.list(mine),
            await stores.escalations.list(mine),
            await stores.spending.spent(mine, run_id=self.run.id),
            await stores.spending.spent(mine, day=self.booking.day),
        )


async def spent_by_other(stores: Stores, full: Full) -> int:
    found = [
        await stores.spending.spent("other", run_id=full.run.id),
        await stores.spending.spent("other", day=full.booking.day),
    ]
    return sum(one.tokens + one.micros for one in found)


Call = Callable[[Stores, Full], Any]
# With the ids of the tenant that has everything, asked as `other`: each finds nothing ...
FINDS_NOTHING: dict[str, Call] = {
    "runs.list": lambda s, a: s.runs.list("other"),
    "runs.claim": lambda s, a: s.runs.claim("other", a.closed.run.id, "w9", 30),
    "journal.steps": lambda s, a: s.journal.steps("other", a.run.id),
    "journal.steps_by_id": lambda s, a: s.journal.steps_by_id("other", [a.step.id]),
    "journal.unknown": lambda s, a: s.journal.unknown("other"),
    "journal.count_unknown": lambda s, a: s.journal.count_unknown("other"),
    "journal.events": lambda s, a: s.journal.events("other", a.run.id),
    "approvals.pending": lambda s, a: s.approvals.pending("other"),
    "approvals.count_pending": lambda s, a: s.approvals.count_pending("other"),
    "approvals.of_run": lambda s, a: s.approvals.of_run("other", a.run.id),
    "approvals.alike": lambda s, a: s.approvals.alike("other", a.approval.likeness),
    "control.freezes": lambda s, a: s.control.freezes("other"),
    "tickets.list": lambda s, a: s.tickets.list("other"),
    "notices.list": lambda s, a: s.notices.list("other"),
    "tickets.signals": lambda s, a: s.tickets.signals("other", a.ticket.id),
    "chat_users.find": lambda s, a: s.chat_users.find("other", "slack", a.user.user),
    "chat_users.list": lambda s, a: s.chat_users.list("other", "slack"),
    "chat_users.workspaces": lambda s, a: s.chat_users.workspaces("other", "slack"),
    "people.find": lambda s, a: s.people.find("other", a.person.login),
    "people.of_subject": lambda s, a: s.people.of_subject("other", a.person.subject),
    "people.list": lambda s, a: s.people.list("other"),
    "sessions.seen": lambda s, a: s.sessions.seen(replace(a.session, tenant="other"), a.session.seen_at + 9),
    "sessions.end": lambda s, a: s.sessions.end(replace(a.session, tenant="other"), "p"),
    "triage.members": lambda s, a: s.triage.members("other", a.ticket.id),
    "triage.alongside": lambda s, a: s.triage.alongside("other", service="", environment="", other_than="x", since=0.0),
    "triage.said": lambda s, a: s.triage.said("other", a.ticket.id),
    "triage.answers": lambda s, a: s.triage.answers("other"),
    "triage.days": lambda s, a: s.triage.days("other", since=0),
    "escalations.move": lambda s, a: s.escalations.move(*[replace(a.escalation, tenant="other")] * 2),
    "escalations.list": lambda s, a: s.escalations.list("other"),
    "deployments.list": lambda s, a: s.deployments.list("other"),
    "spending.spent": spent_by_other,
    "spending.days": lambda s, a: s.spending.days("other", since="2026-01-01"),
    "spending.settle": lambda s, a: s.spending.settle(replace(a.booking, tenant="other"), Amount()),
    "tickets.last_measurement": lambda s, a: s.tickets.last_measurement("other", "f1"),
    "runbooks.list": lambda s, a: s.runbooks.list("other"),
    "drafts.list": lambda s, a: s.drafts.list("other"),
    "conversations.list": lambda s, a: s.conversations.list("other"),
    "conversations.lines": lambda s, a: s.conversations.lines("other", a.talk.id),
    "runbooks.uses": lambda s, a: s.runbooks.uses("other"),
    "runbooks.revision": lambda s, a: s.runbooks.revision("other"),
    "credentials.list": lambda s, a: s.credentials.list("other"),
    "keys.list": lambda s, a: s.keys.list("other"),
    "schedules.list": lambda s, a: s.schedules.list("other"),
    "schedules.settle": lambda s, a: s.schedules.settle(*[replace(a.schedule, tenant="other")] * 2),
    "silences.list": lambda s, a: s.silences.list("other"),
    "silences.windows": lambda s, a: s.silences.windows("other"),
    "audit.list": lambda s, a: s.audit.list("other"),
    "audit.of_ticket": lambda s, a: s.audit.of_ticket("other", a.ticket.id, since=0.0),
    "quarantine.list": lambda s, a: s.quarantine.list("other"),
    "heartbeats.told": lambda s, a: s.heartbeats.told("other", "grafana", 5.0),
}
# ... or is refused ...
IS_REFUSED: dict[str, Call] = {
    "runs.get": lambda s, a: s.runs.get("other", a.run.id),
    "runs.renew": lambda s, a: s.runs.renew(replace(a.lease, tenant="other"), 30),
    "runs.save": lambda s, a: s.runs.save(replace(a.lease, tenant="other"), Change(run=replace(a.run, tenant="other"))),
    "escalations.get": lambda s, a: s.escalations.get("other", a.escalation.id),
    "escalations.acknowledge": lambda s, a: s.escalations.acknowledge("other", a.escalation.id, "p"),
    "journal.newest": lambda s, a: s.journal.newest("other", a.run.id),
    "journal.append": lambda s, a: s.journal.append([replace(a.nouns.event(a.run), tenant="other")]),
    "approvals.get": lambda s, a: s.approvals.get("other", a.approval.id),
    "approvals.decide": lambda s, a: s.approvals.decide("other", a.approval.id, grant=True, by="p", notes=""),
    "control.request_cancel": lambda s, a: s.control.request_cancel("other", a.run.id, "p"),
    "control.cancel_requested": lambda s, a: s.control.cancel_requested("other", a.run.id),
    "control.resolve_step": lambda s, a: s.control.resolve_step("other", a.run.id, a.step.id, answer="aborted", by="p"),
    "control.lift": lambda s, a: s.control.lift("other", a.freeze.id, "p"),
    "people.get": lambda s, a: s.people.get("other", a.person.id),
    "people.change": lambda s, a: s.people.change(*[replace(a.person, tenant="other")] * 2, "p", "person.role"),
    "triage.say": lambda s, a: s.triage.say(replace(a.word, tenant="other"), []),
    "tickets.take": lambda s, a: s.tickets.take("other", a.ticket.id, taken_by="p", by="p"),
    "tickets.merge": lambda s, a: s.tickets.merge("other", a.ticket.id, into=a.ticket.id, by="p"),
    "tickets.get": lambda s, a: s.tickets.get("other", a.ticket.id),
    "tickets.save": lambda s, a: s.tickets.save(replace(a.ticket, tenant="other"), []),
    "conversations.get": lambda s, a: s.conversations.get("other", a.talk.id),
    "conversations.append": lambda s, a: s.conversations.append(replace(a.line, tenant="other")),
    "conversations.delete": lambda s, a: s.conversations.delete("other", a.talk.id, "p"),
    "drafts.get": lambda s, a: s.drafts.get("other", a.draft.run_id),
    "drafts.delete": lambda s, a: s.drafts.delete("other", a.draft.run_id, "p"),
    "drafts.decide": lambda s, a: s.drafts.decide("other", a.draft.run_id, DraftStatus.MERGED, "p"),
    "runbooks.get": lambda s, a: s.runbooks.get("other", a.runbook.id, version=a.runbook.version),
    "runbooks.versions": lambda s, a: s.runbooks.versions("other", a.runbook.id),
    "runbooks.enable": lambda s, a: s.runbooks.enable("other", a.runbook.id, "p", on=False),
    "runbooks.delete": lambda s, a: s.runbooks.delete("other", a.runbook.id, "p"),
    "connections.get": lambda s, a: s.connections.get("other", a.connection.id),
    "connections.delete": lambda s, a: s.connections.delete("other", "web-1", "p"),
    "credentials.get": lambda s, a: s.credentials.get("other", "db"),
    "credentials.sealed": lambda s, a: s.credentials.sealed("other", "db"),
    "credentials.delete": lambda s, a: s.credentials.delete("other", "db", "p"),
    "keys.revoke": lambda s, a: s.keys.revoke("other", a.key.id, "p"),
    "notices.get": lambda s, a: s.notices.get("other", a.notice.id),
    "notices.resend": lambda s, a: s.notices.resend("other", a.notice.id, "p"),
    "quarantine.get": lambda s, a: s.quarantine.get("other", a.kept.id),
    "quarantine.remove": lambda s, a: s.quarantine.remove("other", a.kept.id, "p"),
    "schedules.get": lambda s, a: s.schedules.get("other", "nightly"),
    "schedules.delete": lambda s, a: s.schedules.delete("other", "nightly", "p"),
    "silences.expire": lambda s, a: s.silences.expire("other", a.silence.id, "p"),
    "silences.delete_window": lambda s, a: s.silences.delete_window("other", "patch", "p"),
    "notices.mark": lambda s, a: s.notices.mark(replace(a.notice, tenant="other"), a.notice),
    "chat_users.unlink": lambda s, a: s.chat_users.unlink("other", "slack", a.user.user, "p"),
    "chat_users.add_workspace": lambda s, a: s.chat_users.add_workspace(replace(a.workspace, tenant="other"), "p"),
    "chat_users.remove_workspace": lambda s, a: s.chat_users.remove_workspace(
        replace(a.workspace, tenant="other"), "p"
    ),
}
# ... or makes something of its own, next to what the first tenant has ...
MAKES_ITS_OWN: dict[str, Call] = {
    "runs.create": lambda s, a: s.runs.create(replace(a.run, tenant="other"), key=KEY),
    "tickets.receive": lambda s, a: s.tickets.receive([Nouns(a.nouns.clock, a.nouns.ids, "other").arrival()]),
    "conversations.create": lambda s, a: s.conversations.create(replace(a.talk, tenant="other")),
    "drafts.put": lambda s, a: s.drafts.put(replace(a.draft, tenant="other", title="Another")),
    "runbooks.put": lambda s, a: s.runbooks.put(replace(a.runbook, tenant="other", version="v2"), "p"),
    "connections.put": lambda s, a: s.connections.put(replace(a.connection, tenant="other"), "p"),
    "keys.put": lambda s, a: s.keys.put(Nouns(a.nouns.clock, a.nouns.ids, "other").key("s2"), "p"),
    "schedules.put": lambda s, a: s.schedules.put(replace(a.schedule, tenant="other"), "p"),
    "silences.put": lambda s, a: s.silences.put(replace(a.silence, tenant="other")),
    "silences.put_window": lambda s, a: s.silences.put_window(replace(a.window, tenant="other"), "p"),
    "chat_users.link": lambda s, a: s.chat_users.link(replace(a.user, tenant="other"), "p"),
    "people.add": lambda s, a: s.people.add(replace(a.person, tenant="other"), "p"),
    "sessions.begin": lambda s, a: s.sessions.begin(replace(a.session, tenant="other", id_sha256="6" * 64), "p"),
    "notices.add": lambda s, a: s.notices.add([replace(a.notice, tenant="other")]),
    "quarantine.keep": lambda s, a: s.quarantine.keep(replace(a.kept, tenant="other", why="another reason")),
    "heartbeats.beat": lambda s, a: s.heartbeats.beat("other", "grafana", a.nouns.clock.now() + 99),
    "audit.append": lambda s, a: s.audit.append([a.nouns.entry(tenant="other")]),
    "control.set_switch": lambda s, a: s.control.set_switch("other", "acting", value=True, by="p"),
    "control.freeze": lambda s, a: s.control.freeze(replace(a.freeze, tenant="other")),
    "credentials.put": lambda s, a: s.credentials.put(replace(a.credential, tenant="other"), b"x", "p"),
    "credentials.reseal": lambda s, a: s.credentials.reseal(replace(a.credential, tenant="other"), b"y"),
    "credentials.used": lambda s, a: s.credentials.used(replace(a.credential, tenant="other"), 1.0, "p"),
    "escalations.begin": lambda s, a: s.escalations.begin([replace(a.escalation, tenant="other", id="esc-2")]),
    "deployments.put": lambda s, a: s.deployments.put(replace(a.deployment, tenant="other")),
    "spending.book": lambda s, a: s.spending.book(replace(a.booking, tenant="other"), Budget(day=Amount(tokens=9))),
    "runs.release": lambda s, a: s.runs.release(replace(a.lease, tenant="other")),
}
# ... or is tested below; the last belong to no tenant: workers, senders and the key's own holder use them.
BELOW = {"triage.quality", "triage.history", "control.switches", "connections.list", "audit.verify"}
OF_NO_TENANT = {
    "runs.due",
    "notices.take",
    "chat_users.tenant_of",
    "schedules.take",
    "silences.hushed",
    "escalations.waiting",
    "escalations.open",
    "keys.find",
    "people.of_invitation",
    "sessions.find",
    "heartbeats.list",
    "audit.heads",
    *(f"housekeeping.{m}" for m in ("open", "expire", "check", "close")),
}


@pytest.fixture
async def full(stores: Stores, nouns: Nouns) -> Full:
    return await Full(nouns).fill(stores)


def test_every_method_of_every_port_is_walked() -> None:
    walked = {*FINDS_NOTHING, *IS_REFUSED, *MAKES_ITS_OWN, *BELOW, *OF_NO_TENANT}
    kinds = {
        one.name: getattr(ports, re.sub(r"\W.*", "", str(one.type))) for one in fields(Stores) if one.name != "name"
    }
    exist = {
        f"{name}.{method}"
        for name, kind in kinds.items()
        for method, _ in inspect.getmembers(kind, inspect.isfunction)
        if not method.startswith("_")
    }
    assert walked == exist


async def test_another_tenant_finds_nothing(stores: Stores, full: Full) -> None:
    for method, find in FINDS_NOTHING.items():
        found = await find(stores, full)
        assert not getattr(found, "items", found), method


async def test_another_tenant_is_refused_and_changes_nothing(stores: Stores, full: Full) -> None:
    before = await full.everything(stores)
    for method, ask in IS_REFUSED.items():
        with pytest.raises(OpsAgentError) as caught:
            await ask(stores, full)
        assert isinstance(caught.value, NotFound) or method in {
            "runs.renew",
            "runs.save",
            "chat_users.add_workspace",
        }, method
        assert await full.everything(stores) == before, method


@pytest.mark.parametrize("method", MAKES_ITS_OWN)
async def test_another_tenant_makes_its_own(stores: Stores, full: Full, method: str) -> None:
    before = await full.everything(stores)
    made = await MAKES_ITS_OWN[method](stores, full)
    assert await full.everything(stores) == before
    if method == "runs.create":
        assert made.tenant == "other"


async def test_switches_and_connections_are_the_tenants_own(stores: Stores, full: Full) -> None:
    assert (await stores.control.switches("other"))["paused"] is False
    assert [one.name for one in await stores.connections.list("other")] == ["sandbox"]


async def test_quality_is_of_the_tenants_own(stores: Stores, full: Full) -> None:
    assert (await stores.triage.quality("other")).closed.total == 0
    assert await stores.triage.history("other", "f1") == History()
    assert (await stores.triage.history(full.nouns.tenant, "f1")).endings == (How.REMAINED,)
    assert (await stores.triage.quality(full.nouns.tenant)).closed == Rate(total=1, wrong=1)


async def test_a_key_names_its_tenant(stores: Stores, full: Full, clock: ManualClock, ids: SeededIds) -> None:
    found = await stores.keys.find(full.key.secret_sha256)
    assert found is not None
    assert found.tenant == full.nouns.tenant


async def test_a_record_is_verified_alone(stores: Stores, full: Full) -> None:
    assert (await stores.audit.verify("other")).entries == 0
    assert (await stores.audit.verify(full.nouns.tenant)).entries == len(await stores.audit.list(full.nouns.tenant))
