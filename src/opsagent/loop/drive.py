"""One run in one worker's hands: what is known about it, and the one way to write it down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from opsagent.domain.approval import Approval
from opsagent.domain.connection import Connection
from opsagent.domain.event import AuditEntry, EventType, RunEvent
from opsagent.domain.notice import Notice
from opsagent.domain.render import Values
from opsagent.domain.run import Node, Run
from opsagent.domain.runbook import Runbook
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Ticket
from opsagent.errors import LeaseLost, NotFound
from opsagent.loop.limits import Limits
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.dispatch import Live
from opsagent.ports.reasoner import Reasoner, Situation
from opsagent.ports.stores import Change, EffectClaim, Lease, Measurement, Stores
from opsagent.stages.ask import Ask
from opsagent.stages.close import Close
from opsagent.stages.execute import Execute
from opsagent.stages.find_runbook import FindRunbook
from opsagent.stages.judge import Judge
from opsagent.stages.propose import Propose

MEASURE = "measure"  # the name of each sample of a condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What the nodes work with: the stages, the stores and the reasoner. One for all runs of a process.

    `told` hurries the outbox when a notice was stored.
    """

    stores: Stores
    clock: Clock
    live: Live
    artifacts: ArtifactStore
    reasoner: Reasoner
    find_runbook: FindRunbook
    propose: Propose
    judge: Judge
    ask: Ask
    execute: Execute
    close: Close
    limits: Limits
    told: Callable[[], None]
    slots: dict[tuple[str, str], asyncio.Semaphore] = field(default_factory=dict)

    def slot(self, tenant: str, target: str) -> asyncio.Semaphore:
        """What bounds the commands running at once on one target of one tenant, in this process."""
        return self.slots.setdefault((tenant, target), asyncio.Semaphore(self.limits.per_target))


@dataclass(slots=True, kw_only=True)
class Drive:
    """The run, its steps and its lease. Everything it holds is what the store holds: `save` is the only writer.

    `parked`: nothing more to do for now. `lost`: another worker holds it.
    """

    kit: Kit
    lease: Lease
    run: Run
    steps: list[Step] = field(default_factory=list)
    parked: bool = False
    lost: bool = False

    async def save(
        self,
        run: Run,
        *,
        steps: Sequence[Step] = (),
        approvals: Sequence[Approval] = (),
        audit: Sequence[AuditEntry] = (),
        notices: Sequence[Notice] = (),
        events: Sequence[RunEvent] = (),
        ticket: Ticket | None = None,
        claim: EffectClaim | None = None,
        release_target: str = "",
        measured: Measurement | None = None,
    ) -> Run:
        """Write all of it in one transaction under the lease, then hold it. The errors of `RunStore.save`."""
        change = Change(
            run=run,
            steps=steps,
            approvals=approvals,
            audit=audit,
            notices=notices,
            events=events,
            ticket=ticket,
            claim=claim,
            release_target=release_target,
            measured=measured,
        )
        try:
            self.run = await self.kit.stores.runs.save(self.lease, change)
        except LeaseLost:
            self.lost = True
            raise
        for step in steps:
            self._hold(step)
        self.kit.live.changed(run.tenant, run.id)
        if notices:
            self.kit.told()
        return self.run

    def _hold(self, step: Step) -> None:
        for position, held in enumerate(self.steps):
            if held.id == step.id:
                self.steps[position] = step
                return
        self.steps.append(step)

    def event(
        self,
        kind: EventType,
        node: Node,
        content: str,
        *,
        step: Step | None = None,
        output: str = "",
        artifact: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> RunEvent:
        """A line for the timeline, to be handed to `save`."""
        arguments = {"command": step.command.text, "step": str(step.number), "name": step.name} if step else {}
        return RunEvent(
            run_id=self.run.id,
            tenant=self.run.tenant,
            type=kind,
            node=node.value,
            content=content,
            tool_name=step.command.executor if step else "",
            tool_args=arguments,
            tool_output=output,
            artifact=artifact,
            metadata=dict(metadata or {}),
            created_at=self.kit.clock.now(),
        )

    def audit(self, action: str, step: Step | None = None, **detail: str) -> AuditEntry:
        """A line for the audit record, to be handed to `save`."""
        return AuditEntry(
            tenant=self.run.tenant,
            at=self.kit.clock.now(),
            actor="opsagent",
            action=action,
            run_id=self.run.id,
            step_id=step.id if step else "",
            digest=step.digest if step else "",
            detail=detail,
        )

    def go(self, node: Node, **changes: object) -> Run:
        """The run as it is, in progress, at another place, with fields changed."""
        now = self.kit.clock.now()
        return replace(self.run.begin(now).go(node, now), **changes)  # type: ignore[arg-type]  # fields of Run by name

    def current(self) -> Step:
        """The step the run is at."""
        for step in self.steps:
            if step.id == self.run.current_step:
                return step
        raise NotFound(f"Run {self.run.id} is at no step.", fix="Retry the run.")

    async def connection(self, name: str = "") -> Connection:
        """The run's target, or the one a step names, as it is registered now. NotFound when it was removed."""
        return await self.kit.stores.connections.get(self.run.tenant, name or self.run.connection)

    async def target_of(self, step: Step) -> Connection:
        """What a step was proposed for, as it is registered now, never a remembered one. NotFound."""
        return await self.connection(step.command.connection_id)

    async def runbook(self) -> Runbook | None:
        """The runbook version this run was bound to, or None."""
        if not self.run.runbook_id:
            return None
        return await self.kit.stores.runbooks.get(
            self.run.tenant, self.run.runbook_id, version=self.run.runbook_version
        )

    async def values(self, connection: Connection) -> Values:
        """What may fill the holes of this run's runbook."""
        runbook = await self.runbook()
        return Values(
            declared=runbook.parameters if runbook else (),
            parameters=self.run.parameters,
            captures=self.run.captures,
            connection=connection,
        )

    async def ticket(self) -> Ticket | None:
        """The ticket as it is now, or None."""
        if not self.run.ticket_id:
            return None
        return await self.kit.stores.tickets.get(self.run.tenant, self.run.ticket_id)

    async def situation(self, *, runbook: Runbook | None = None, candidates: Sequence[Runbook] = ()) -> Situation:
        """Everything the reasoner may look at."""
        return Situation(
            run=self.run,
            steps=tuple(self.steps),
            runbook=runbook or await self.runbook(),
            candidates=candidates,
        )

    async def repointed(self) -> str:
        """Why what was measured or changed so far says nothing about the targets of now; empty when it does."""
        touched = [step for step in self.steps if step.may_have_had_effect or (step.is_read and step.name == MEASURE)]
        seen = {(step.command.connection_id, step.command.connection_version) for step in touched}
        for connection_id, version in sorted(seen):
            try:
                connection = await self.connection(connection_id)
            except NotFound as error:
                return error.message
            if connection.version != version:
                return f"{connection.name} was registered anew meanwhile; it now names another target."
        return ""

    async def taken_by(self) -> str:
        """The person who has taken the ticket over, or nobody."""
        ticket = await self.ticket()
        return ticket.taken_by if ticket else ""

    async def cancelled(self) -> bool:
        """Whether a person asked to stop."""
        return await self.kit.stores.control.cancel_requested(self.run.tenant, self.run.id)

    def after_effects(self) -> Node:
        """Where a run goes that will do nothing more: through verify if the world may have changed."""
        return Node.VERIFY if self.touched() else Node.FINAL

    def touched(self) -> bool:
        """Whether the world may differ because of this run, or did until it was taken back."""
        return any(step.may_have_had_effect or step.status is StepStatus.UNDONE for step in self.steps)
