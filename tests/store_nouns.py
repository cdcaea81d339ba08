"""Small whole nouns for tests of the stores."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from opsagent.domain.approval import Approval
from opsagent.domain.command import Command
from opsagent.domain.event import AuditEntry, EventType, RunEvent
from opsagent.domain.identity import ApiKey, PrincipalKind, Role
from opsagent.domain.manifest import Decision, Invocation, Manifest, Proof, Verdict
from opsagent.domain.notice import Notice
from opsagent.domain.run import Run, Source
from opsagent.domain.runbook import Parameter, Phase, Runbook, RunbookStep
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Signal, SignalStatus, Ticket
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.stores import EffectClaim
from opsagent.ports.tickets import Arrival

EFFECT = Manifest(proof=Proof.EFFECT, invocations=(Invocation("systemctl", ("restart", None)),), services=("shop",))


class Nouns:
    """Makes nouns of one tenant at the clock's time."""

    def __init__(self, clock: Clock, ids: Ids, tenant: str = "acme") -> None:
        self.clock = clock
        self.ids = ids
        self.tenant = tenant

    def run(self, **changes: object) -> Run:
        now = self.clock.now()
        run = Run(
            id=self.ids.uuid(),
            tenant=self.tenant,
            source=Source.API,
            task="Check the disk of web-1",
            created_at=now,
            updated_at=now,
            requested_by="key:1",
            scope=("sandbox", "web-1"),
            parameters={"host": "web-1"},
        )
        return replace(run, **changes)  # type: ignore[arg-type] # names are checked by replace itself

    def step(self, run: Run, number: int = 1, **changes: object) -> Step:
        now = self.clock.now()
        step = Step(
            id=f"{run.id}.{number}",
            run_id=run.id,
            tenant=run.tenant,
            number=number,
            name="restart",
            phase=Phase.MITIGATION,
            command=Command(executor="shell", text="systemctl restart shop", connection_id="web-1"),
            verdict=Verdict(decision=Decision.ASK, rule="effects-ask", reason="It changes something.", manifest=EFFECT),
            digest=f"digest-{number}",
            created_at=now,
            updated_at=now,
        )
        return replace(step, **changes)  # type: ignore[arg-type] # names are checked by replace itself

    def claimed(self, run: Run, number: int = 1, **changes: object) -> Step:
        return self.step(run, number, status=StepStatus.CLAIMED, claimed_at=self.clock.now(), **changes)

    def claim(self, step: Step, **changes: object) -> EffectClaim:
        claim = EffectClaim(step_id=step.id, attempt=step.attempt, target="host:web-1", digest=step.digest)
        return replace(claim, **changes)  # type: ignore[arg-type] # names are checked by replace itself

    def approval(self, step: Step, **changes: object) -> Approval:
        now = self.clock.now()
        approval = Approval(
            id=self.ids.uuid(),
            tenant=step.tenant,
            run_id=step.run_id,
            step_id=step.id,
            step_number=step.number,
            attempt=step.attempt,
            digest=step.digest,
            target="host:web-1",
            command=step.command.text,
            manifest=EFFECT,
            requested_at=now,
            expires_at=now + 3600,
        )
        return replace(approval, **changes)  # type: ignore[arg-type] # names are checked by replace itself

    def event(self, run: Run, content: str = "looked", **changes: object) -> RunEvent:
        event = RunEvent(run_id=run.id, tenant=run.tenant, type=EventType.PLANNING, node="planner", content=content)
        return replace(event, **changes)  # type: ignore[arg-type] # names are checked by replace itself

    def entry(self, action: str = "run.create", **changes: object) -> AuditEntry:
        entry = AuditEntry(tenant=self.tenant, at=self.clock.now(), actor="key:1", action=action)
        return replace(entry, **changes)  # type: ignore[arg-type] # names are checked by replace itself

    def notice(self, **changes: object) -> Notice:
        now = self.clock.now()
        notice = Notice(
            id=self.ids.uuid(),
            tenant=self.tenant,
            channel="slack",
            address="#ops",
            body="{}",
            created_at=now,
            due_at=now,
        )
        return replace(notice, **changes)  # type: ignore[arg-type] # names are checked by replace itself

    def arrival(
        self, fingerprint: str = "f1", status: SignalStatus = SignalStatus.FIRING, delivery: str = ""
    ) -> Arrival:
        now = self.clock.now()
        signal = Signal(
            id=self.ids.uuid(),
            tenant=self.tenant,
            source="alertmanager",
            fingerprint=fingerprint,
            name="DiskFull",
            status=status,
            delivery=delivery or self.ids.uuid(),
            labels={"instance": "web-1"},
            received_at=now,
        )
        ticket = Ticket(
            id=self.ids.uuid(),
            tenant=self.tenant,
            fingerprint=fingerprint,
            name="DiskFull",
            title="The disk of web-1 is full",
            source="alertmanager",
            created_at=now,
            updated_at=now,
        )
        run = self.run(source=Source.TICKET, ticket_id=ticket.id, fingerprint=fingerprint)
        return Arrival(signal=signal, ticket=replace(ticket, run_id=run.id), run=run)

    def runbook(self, slug: str = "disk-full", source: str = "# Disk full") -> Runbook:
        step = RunbookStep(name="look", phase=Phase.DIAGNOSIS, text="df -h", line=3, captures={"use": "^(\\d+)%$"})
        return Runbook(
            id=slug,
            title=slug.replace("-", " "),
            source=source,
            version=hashlib.sha256(source.encode()).hexdigest(),
            steps=(step,),
            parameters=(Parameter(name="host", source="instance"),),
            tenant=self.tenant,
        )

    def key(self, secret: str = "s1") -> ApiKey:  # noqa: S107 - a test's own word
        return ApiKey(
            id=self.ids.uuid(),
            tenant=self.tenant,
            role=Role.OPERATOR,
            kind=PrincipalKind.SERVICE,
            name="pipeline",
            secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
            created_at=self.clock.now(),
        )
