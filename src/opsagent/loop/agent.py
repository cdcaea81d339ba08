"""The one door: everything a person, a program or a page may ask of OpsAgent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from opsagent.domain.approval import Approval
from opsagent.domain.command import Command
from opsagent.domain.connection import BUILT_IN_SANDBOX, Connection
from opsagent.domain.event import AuditEntry
from opsagent.domain.freeze import Freeze
from opsagent.domain.identity import Permission, Principal
from opsagent.domain.manifest import Verdict
from opsagent.domain.run import Run
from opsagent.domain.runbook import Runbook
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Signal, Ticket, TicketStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import Disabled, Forbidden, IllegalMove, InputError, NotFound
from opsagent.loop.pressure import Pressure
from opsagent.ports.clock import Clock
from opsagent.ports.dispatch import Dispatch, Live
from opsagent.ports.index import Found, RunbookIndex
from opsagent.ports.stores import IdempotencyKey, Joined, Stores
from opsagent.stages.accept import Accept
from opsagent.stages.correlate import Correlate
from opsagent.stages.judge import Judge
from opsagent.stages.propose import Propose
from opsagent.stages.rehearse import Rehearse, Rehearsed

RunbookParser = Callable[[str, str, str], Runbook]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with everything known about it."""

    run: Run
    steps: Sequence[Step]
    approvals: Sequence[Approval]
    ticket: Ticket | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The door. Callers have checked the permission of their route; deciding an approval is checked here again.

    `parse_runbook(text, path, tenant)` turns Markdown into a runbook or raises RunbookError.
    """

    stores: Stores
    accept: Accept
    correlate: Correlate
    judge: Judge
    index: RunbookIndex
    parse_runbook: RunbookParser
    dispatch: Dispatch
    live: Live
    clock: Clock
    enabled: bool = True
    pressure: Pressure = field(default_factory=Pressure)

    async def submit(self, trigger: Trigger, *, key: IdempotencyKey | None = None) -> Run:
        """Store a run and wake a worker. Errors of `Accept`; Disabled when intake is switched off."""
        self._require_enabled()
        with self.pressure.storing():
            run = await self.accept(trigger, key=key)
        self._changed(run.tenant, run.id)
        return run

    async def receive(self, tenant: str, signals: Sequence[Signal]) -> Sequence[Joined]:
        """Store signals, with the tickets and runs they make. Disabled when intake is switched off."""
        self._require_enabled()
        with self.pressure.storing():
            joined = await self.correlate(signals)
        for one in joined:
            if one.created or one.reopened:
                self._changed(tenant, one.ticket.run_id)
        return joined

    async def view(self, tenant: str, run_id: str) -> RunView:
        """A run, its steps, its approvals and its ticket. NotFound."""
        run = await self.stores.runs.get(tenant, run_id)
        steps = await self.stores.journal.steps(tenant, run_id)
        approvals = await self.stores.approvals.of_run(tenant, run_id)
        ticket = await self.stores.tickets.get(tenant, run.ticket_id) if run.ticket_id else None
        return RunView(run=run, steps=steps, approvals=approvals, ticket=ticket)

    async def decide(
        self, principal: Principal, approval_id: str, *, grant: bool, notes: str = "", digest: str = ""
    ) -> Approval:
        """A person's answer. Forbidden, NotFound, ApprovalMismatch, ApprovalDecided, ApprovalExpired."""
        if not principal.may(Permission.APPROVE):
            raise Forbidden(
                f"{principal.id} may not decide approvals.",
                fix="Only a person with the role approver or admin decides.",
            )
        approval = await self.stores.approvals.decide(
            principal.tenant, approval_id, grant=grant, by=principal.id, notes=notes, digest=digest
        )
        self._changed(principal.tenant, approval.run_id)
        return approval

    async def decide_step(
        self, principal: Principal, run_id: str, step_number: int, *, grant: bool, notes: str = "", digest: str = ""
    ) -> Approval:
        """The same by run and step number; the newest question of that step is meant. NotFound if it has none."""
        questions = [
            approval
            for approval in await self.stores.approvals.of_run(principal.tenant, run_id)
            if approval.step_number == step_number
        ]
        if not questions:
            await self.stores.runs.get(principal.tenant, run_id)
            raise NotFound(
                f"Step {step_number} of run {run_id} asks for nothing.", fix="List what is pending: opsagent approve."
            )
        return await self.decide(principal, questions[-1].id, grant=grant, notes=notes, digest=digest)

    async def cancel(self, principal: Principal, run_id: str) -> Run:
        """Ask a run to stop; a running command is killed. NotFound, IllegalMove once it has ended."""
        run = await self.stores.control.request_cancel(principal.tenant, run_id, principal.id)
        self._changed(principal.tenant, run_id)
        return run

    async def retry(self, principal: Principal, run_id: str, *, key: IdempotencyKey | None = None) -> Run:
        """A new run of the same request, with `retryOf`. NotFound, IllegalMove while the old one is open."""
        self._require_enabled()
        old = await self.stores.runs.get(principal.tenant, run_id)
        if not old.ended:
            raise IllegalMove(f"Run {run_id} is still {old.status}.", fix="Cancel it first, or wait for its end.")
        run = await self.accept.again(old, by=principal.id, key=key)
        self._changed(run.tenant, run.id)
        return run

    async def resolve(self, principal: Principal, run_id: str, step_number: int, answer: str) -> Step:
        """A person says what became of an unknown step: happened, not_happened or aborted.

        Forbidden, NotFound, InputError, IllegalMove.
        """
        if not principal.may(Permission.APPROVE):
            raise Forbidden(f"{principal.id} may not decide this.", fix="A person with the role approver decides.")
        answers = (StepStatus.HAPPENED.value, StepStatus.NOT_HAPPENED.value, StepStatus.ABORTED.value)
        if answer not in answers:
            raise InputError(f"{answer!r} is no answer.", fix=f"Answer one of: {', '.join(answers)}.")
        for step in await self.stores.journal.steps(principal.tenant, run_id):
            if step.number == step_number:
                resolved = await self.stores.control.resolve_step(
                    principal.tenant, run_id, step.id, answer=answer, by=principal.id
                )
                self._changed(principal.tenant, run_id)
                return resolved
        raise NotFound(f"Run {run_id} has no step {step_number}.", fix="Look at the run: opsagent show.")

    async def switch(
        self, principal: Principal, name: str, *, on: bool, everywhere: bool = False
    ) -> Mapping[str, bool]:
        """Set `paused` or `acting` for the tenant, or for all of them; returns what holds now."""
        await self.stores.control.set_switch("*" if everywhere else principal.tenant, name, on, principal.id)
        self._changed(principal.tenant, "")
        return await self.stores.control.switches(principal.tenant)

    async def close_ticket(
        self, principal: Principal, ticket_id: str, *, reopen: bool = False, reason: str = ""
    ) -> Ticket:
        """A person closes or reopens a ticket. NotFound; IllegalMove when it changed meanwhile."""
        ticket = await self.stores.tickets.get(principal.tenant, ticket_id)
        now = self.clock.now()
        changed = _with_status(ticket, TicketStatus.OPEN if reopen else TicketStatus.CLOSED, reason, now)
        entry = AuditEntry(
            tenant=principal.tenant,
            at=now,
            actor=principal.id,
            action=f"ticket.{changed.status.value}",
            detail={"ticket": ticket_id, "reason": reason},
        )
        return await self.stores.tickets.save(changed, (entry,))

    async def take_over(self, principal: Principal, ticket_id: str, *, back: bool = False) -> Ticket:
        """A person takes a ticket over (the agent parks before its next change), or hands it back. NotFound."""
        ticket = await self.stores.tickets.take(
            principal.tenant, ticket_id, taken_by="" if back else principal.id, by=principal.id
        )
        self._changed(principal.tenant, ticket.run_id)
        return ticket

    async def freeze(self, principal: Principal, freeze: Freeze) -> Freeze:
        """Nothing is changed meanwhile. InputError when it ends before it starts."""
        await self.stores.control.freeze(freeze)
        self._changed(principal.tenant, "")
        return freeze

    async def lift(self, principal: Principal, freeze_id: str) -> None:
        """End a freeze now. NotFound."""
        await self.stores.control.lift(principal.tenant, freeze_id, principal.id)
        self._changed(principal.tenant, "")

    async def alike(self, approval: Approval) -> Sequence[Approval]:
        """What people said to questions like this one, newest first."""
        if not approval.likeness:
            return ()
        earlier = await self.stores.approvals.alike(approval.tenant, approval.likeness)
        return [one for one in earlier if one.id != approval.id]

    async def add_runbook(self, principal: Principal, text: str, path: str) -> Runbook:
        """Check and store a runbook. RunbookError with file, line and fix."""
        return await self.stores.runbooks.put(self.parse_runbook(text, path, principal.tenant), principal.id)

    async def search(self, tenant: str, query: str, *, limit: int = 5) -> Found:
        """The runbooks that answer a query, ranked."""
        await self.index.refresh(
            tenant, await self.stores.runbooks.revision(tenant), await self.stores.runbooks.list(tenant)
        )
        return await self.index.search(tenant, query, limit=limit)

    async def rehearse(
        self, tenant: str, runbook_id: str, *, connection: str = "", given: Mapping[str, str] | None = None
    ) -> Sequence[Rehearsed]:
        """What a runbook would do on a connection (its own, or the sandbox), judged and never run. NotFound."""
        runbook = await self.stores.runbooks.get(tenant, runbook_id)
        main = connection or runbook.connection or BUILT_IN_SANDBOX

        async def target(name: str) -> Connection:
            return await self.stores.connections.get(tenant, name or main)

        async def judged(command: Command, where: Connection) -> Verdict:
            return (await self.judge(command, where, in_scope=True)).verdict

        rehearse = Rehearse(propose=Propose(clock=self.clock), judge=judged)
        return await rehearse(runbook, target, given or {}, now=self.clock.now())

    async def explain(self, tenant: str, commands: Sequence[str], connection: str = "") -> Sequence[Verdict]:
        """What the policy would say of these commands on a connection; nothing is executed. NotFound."""
        target: Connection = await self.stores.connections.get(tenant, connection or "sandbox")
        return await self.judge.explain(commands, target)

    def _changed(self, tenant: str, run_id: str) -> None:
        self.dispatch.hint(tenant, run_id)
        self.live.changed(tenant, run_id)

    def _require_enabled(self) -> None:
        if not self.enabled:
            raise Disabled("Intake is switched off.", fix="Set AGENT_OPS_ENABLED=true and start again.")


def _with_status(ticket: Ticket, status: TicketStatus, reason: str, now: float) -> Ticket:
    closed = now if status is TicketStatus.CLOSED else None
    return replace(ticket, status=status, reason=reason, updated_at=now, closed_at=closed)
