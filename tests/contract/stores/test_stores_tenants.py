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
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.freeze import Freeze
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import TicketStatus
from opsagent.errors import NotFound, OpsAgentError
from opsagent.ports import stores as ports
from opsagent.ports.stores import Change, IdempotencyKey, Measurement, Stores
from store_nouns import Nouns

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
        change = Change(
            run=self.run,
            steps=[self.step],
            approvals=[self.approval],
            notices=[self.notice],
            events=[nouns.event(self.run)],
            audit=[nouns.entry()],
            measured=measured,
        )
        self.run = await stores.runs.save(self.lease, change)
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
        await stores.control.set_switch(tenant, "paused", value=True, by="person:ada")
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
            await stores.connections.list(mine),
            await stores.credentials.sealed(mine, "db"),
            await stores.keys.list(mine),
            await stores.notices.list(mine),
            await stores.audit.list(mine),
        )


Call = Callable[[Stores, Full], Any]
# With the ids of the tenant that has everything, asked as `other`: each finds nothing ...
FINDS_NOTHING: dict[str, Call] = {
    "runs.list": lambda s, a: s.runs.list("other"),
    "runs.claim": lambda s, a: s.runs.claim("other", a.closed.run.id, "w9", 30),
    "journal.steps": lambda s, a: s.journal.steps("other", a.run.id),
    "journal.events": lambda s, a: s.journal.events("other", a.run.id),
    "approvals.pending": lambda s, a: s.approvals.pending("other"),
    "approvals.of_run": lambda s, a: s.approvals.of_run("other", a.run.id),
    "approvals.alike": lambda s, a: s.approvals.alike("other", a.approval.likeness),
    "control.freezes": lambda s, a: s.control.freezes("other"),
    "tickets.list": lambda s, a: s.tickets.list("other"),
    "tickets.signals": lambda s, a: s.tickets.signals("other", a.ticket.id),
    "tickets.history": lambda s, a: s.tickets.history("other", "f2"),
    "tickets.last_measurement": lambda s, a: s.tickets.last_measurement("other", "f1"),
    "runbooks.list": lambda s, a: s.runbooks.list("other"),
    "runbooks.revision": lambda s, a: s.runbooks.revision("other"),
    "credentials.list": lambda s, a: s.credentials.list("other"),
    "keys.list": lambda s, a: s.keys.list("other"),
    "notices.list": lambda s, a: s.notices.list("other"),
    "audit.list": lambda s, a: s.audit.list("other"),
}
# ... or is refused ...
IS_REFUSED: dict[str, Call] = {
    "runs.get": lambda s, a: s.runs.get("other", a.run.id),
    "runs.renew": lambda s, a: s.runs.renew(replace(a.lease, tenant="other"), 30),
    "runs.save": lambda s, a: s.runs.save(replace(a.lease, tenant="other"), Change(run=replace(a.run, tenant="other"))),
    "journal.append": lambda s, a: s.journal.append([replace(a.nouns.event(a.run), tenant="other")]),
    "approvals.get": lambda s, a: s.approvals.get("other", a.approval.id),
    "approvals.decide": lambda s, a: s.approvals.decide("other", a.approval.id, grant=True, by="p", notes=""),
    "control.request_cancel": lambda s, a: s.control.request_cancel("other", a.run.id, "p"),
    "control.cancel_requested": lambda s, a: s.control.cancel_requested("other", a.run.id),
    "control.resolve_step": lambda s, a: s.control.resolve_step("other", a.run.id, a.step.id, answer="aborted", by="p"),
    "control.lift": lambda s, a: s.control.lift("other", a.freeze.id, "p"),
    "tickets.take": lambda s, a: s.tickets.take("other", a.ticket.id, taken_by="p", by="p"),
    "tickets.get": lambda s, a: s.tickets.get("other", a.ticket.id),
    "tickets.save": lambda s, a: s.tickets.save(replace(a.ticket, tenant="other"), []),
    "runbooks.get": lambda s, a: s.runbooks.get("other", a.runbook.id, version=a.runbook.version),
    "runbooks.delete": lambda s, a: s.runbooks.delete("other", a.runbook.id, "p"),
    "connections.get": lambda s, a: s.connections.get("other", a.connection.id),
    "connections.delete": lambda s, a: s.connections.delete("other", "web-1", "p"),
    "credentials.get": lambda s, a: s.credentials.get("other", "db"),
    "credentials.sealed": lambda s, a: s.credentials.sealed("other", "db"),
    "credentials.delete": lambda s, a: s.credentials.delete("other", "db", "p"),
    "keys.revoke": lambda s, a: s.keys.revoke("other", a.key.id, "p"),
    "notices.mark": lambda s, a: s.notices.mark(replace(a.notice, tenant="other")),
}
# ... or makes something of its own, next to what the first tenant has ...
MAKES_ITS_OWN: dict[str, Call] = {
    "runs.create": lambda s, a: s.runs.create(replace(a.run, tenant="other"), key=KEY),
    "tickets.receive": lambda s, a: s.tickets.receive([Nouns(a.nouns.clock, a.nouns.ids, "other").arrival()]),
    "runbooks.put": lambda s, a: s.runbooks.put(replace(a.runbook, tenant="other", version="v2"), "p"),
    "connections.put": lambda s, a: s.connections.put(replace(a.connection, tenant="other"), "p"),
    "keys.put": lambda s, a: s.keys.put(Nouns(a.nouns.clock, a.nouns.ids, "other").key("s2"), "p"),
    "notices.add": lambda s, a: s.notices.add([replace(a.notice, tenant="other")]),
    "audit.append": lambda s, a: s.audit.append([a.nouns.entry(tenant="other")]),
    "control.set_switch": lambda s, a: s.control.set_switch("other", "acting", value=True, by="p"),
    "control.freeze": lambda s, a: s.control.freeze(replace(a.freeze, tenant="other")),
    "credentials.put": lambda s, a: s.credentials.put(replace(a.credential, tenant="other"), b"x", "p"),
    "credentials.reseal": lambda s, a: s.credentials.reseal(replace(a.credential, tenant="other"), b"y"),
    "credentials.used": lambda s, a: s.credentials.used(replace(a.credential, tenant="other"), 1.0, "p"),
    "runs.release": lambda s, a: s.runs.release(replace(a.lease, tenant="other")),
}
# ... or is tested below; the last belong to no tenant: workers, senders and the key's own holder use them.
BELOW = {"control.switches", "connections.list", "audit.verify"}
OF_NO_TENANT = {
    "runs.due",
    "notices.take",
    "keys.find",
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


@pytest.mark.parametrize("method", FINDS_NOTHING)
async def test_another_tenant_finds_nothing(stores: Stores, full: Full, method: str) -> None:
    found = await FINDS_NOTHING[method](stores, full)
    assert not getattr(found, "items", found)


@pytest.mark.parametrize("method", IS_REFUSED)
async def test_another_tenant_is_refused_and_changes_nothing(stores: Stores, full: Full, method: str) -> None:
    before = await full.everything(stores)
    with pytest.raises(OpsAgentError) as caught:
        await IS_REFUSED[method](stores, full)
    assert isinstance(caught.value, NotFound) or method in {"runs.renew", "runs.save"}
    assert await full.everything(stores) == before


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


async def test_a_key_names_its_tenant(stores: Stores, full: Full, clock: ManualClock, ids: SeededIds) -> None:
    found = await stores.keys.find(full.key.secret_sha256)
    assert found is not None
    assert found.tenant == full.nouns.tenant


async def test_a_record_is_verified_alone(stores: Stores, full: Full) -> None:
    assert (await stores.audit.verify("other")).entries == 0
    assert (await stores.audit.verify(full.nouns.tenant)).entries == len(await stores.audit.list(full.nouns.tenant))
