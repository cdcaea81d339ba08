"""A whole OpsAgent on embedded stores, with a small broken world to repair; what the scenario tests share."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path

from opsagent.bootstrap import App
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.identity import Principal, PrincipalKind, Role
from opsagent.domain.run import Run, Source
from opsagent.domain.step import Step
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.domain.trigger import Trigger
from opsagent.settings import Settings

TENANT = "acme"
PERSON = Principal(id="person:ada", tenant=TENANT, role=Role.APPROVER, kind=PrincipalKind.PERSON)
ROBOT = Principal(id="key:robot", tenant=TENANT, role=Role.ADMIN, kind=PrincipalKind.SERVICE)

RUNBOOK = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
measures:
  ShopDown:
    run: test -e {{connection.healthy}}
    for: 100ms
    every: 50ms
---
# The shop is down

## Diagnosis

What does the shop say about itself?

```shell name=look
cat {{connection.state}}
```

## Mitigation

Note that it was restarted.

```shell name=count
%(fix)s
```

## Verify

```shell name=answers
test -e {{connection.healthy}}
```
"""
HEALS = "touch {{connection.healthy}}"


@dataclass
class World:
    """A folder that stands for the machine: `healthy` exists while all is well, `state` says what is wrong."""

    folder: Path

    @property
    def healthy(self) -> Path:
        return self.folder / "healthy"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def counter(self) -> Path:
        return self.folder / "counter"

    def count(self) -> int:
        return len(self.counter.read_text().splitlines()) if self.counter.exists() else 0

    def connection(self, **changes: str) -> Connection:
        values = {"healthy": str(self.healthy), "state": str(self.state), "counter": str(self.counter)}
        return Connection(
            id="",
            tenant=TENANT,
            name="shop",
            reach=Reach.HOST,
            labels={"service": "shop"},
            values=values | changes,
        )


@dataclass
class House:
    """The app, its world, and the moves a test makes."""

    app: App
    world: World
    signals: int = field(default=0)

    async def add_runbook(self, text: str) -> None:
        await self.app.agent.add_runbook(PERSON, text, "test.md")

    async def alert(self, name: str = "ShopDown", **labels: str) -> Run:
        """A firing alert; the run its ticket made."""
        self.signals += 1
        now = self.app.clock.now()
        signal = Signal(
            id=f"signal-{self.signals}",
            tenant=TENANT,
            source="alertmanager",
            fingerprint=labels.pop("fingerprint", "f" * 16),
            name=name,
            status=SignalStatus.FIRING,
            delivery=f"delivery-{self.signals}",
            title="shop does not answer",
            labels={"alertname": name, "service": "shop"} | labels,
            received_at=now,
        )
        (joined,) = await self.app.agent.receive(TENANT, [signal])
        return await self.app.stores.runs.get(TENANT, joined.ticket.run_id)

    async def ask(self, runbook: str = "shop-down", **parameters: str) -> Run:
        """A run a person asked for by name."""
        trigger = Trigger(
            tenant=TENANT,
            source=Source.API,
            text="bring the shop back",
            requested_by=PERSON.id,
            runbook_id=runbook,
            connection="shop",
            parameters=parameters,
        )
        return await self.app.agent.submit(trigger)

    async def drive(self, run: Run) -> Run:
        """Let a worker have it until it parks or ends."""
        assert await self.app.worker.drive(run.tenant, run.id)
        return await self.app.stores.runs.get(run.tenant, run.id)

    async def steps(self, run: Run) -> dict[str, Step]:
        """The newest attempt of each step by name."""
        return {step.name: step for step in await self.app.stores.journal.steps(run.tenant, run.id)}

    async def timeline(self, run: Run) -> str:
        events = await self.app.stores.journal.events(run.tenant, run.id)
        return "\n".join(f"{event.sequence} {event.type} {event.node}: {event.content}" for event in events)

    async def approve(self, run: Run, *, grant: bool = True) -> Run:
        """A person answers what is pending, and a worker goes on."""
        (approval,) = [one for one in await self.app.stores.approvals.pending(TENANT) if one.run_id == run.id]
        await self.app.agent.decide(PERSON, approval.id, grant=grant, notes="seen", digest=approval.digest)
        return await self.drive(run)


def settings_for(folder: Path, **changes: object) -> Settings:
    values: dict[str, object] = {
        "data_dir": folder,
        "sandbox_root": folder / "sandbox",
        "host_reach": True,
        "host_reach_tenants": (TENANT,),
        "measure_every_seconds": 0,
        "settle_seconds": 0,
        "cooldown_seconds": 0,
        "sweep_seconds": 0.05,
        "busy_seconds": 0.2,
        "auto_close": True,
        "credential_encryption_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }
    return Settings.load(values | changes, environ={})
