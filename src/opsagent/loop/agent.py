"""The one door: everything a person, a program or a page may ask of OpsAgent."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from opsagent.domain.approval import Approval
from opsagent.domain.connection import Connection
from opsagent.domain.deployment import Deployment
from opsagent.domain.ending import Feedback
from opsagent.domain.event import AuditEntry, EventType, RunEvent, cap
from opsagent.domain.freeze import Freeze
from opsagent.domain.identity import Permission, Principal, PrincipalKind, same_person
from opsagent.domain.manifest import Verdict
from opsagent.domain.run import Run
from opsagent.domain.runbook import Runbook
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Signal, Ticket, TicketStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import (
    ApprovalMismatch,
    ConflictError,
    Disabled,
    Forbidden,
    IdempotencyMismatch,
    IllegalMove,
    InputError,
    NotFound,
    UnavailableError,
)
from opsagent.loop.drafts import Drafts
from opsagent.loop.escalations import Escalations
from opsagent.loop.library import Library, Readers, RunbookParser
from opsagent.loop.pressure import Pressure
from opsagent.loop.timetable import Timetable
from opsagent.loop.views import RunView, Standing
from opsagent.loop.waiting import Waiting, waiting
from opsagent.ports.answering import Answerer
from opsagent.ports.clock import Clock
from opsagent.ports.dispatch import Dispatch, Live
from opsagent.ports.index import Found, RunbookIndex
from opsagent.ports.skills import Skills
from opsagent.ports.stores import IdempotencyKey, Stores
from opsagent.ports.tickets import Joined
from opsagent.stages.accept import Accept
from opsagent.stages.close import AutoClose
from opsagent.stages.correlate import Correlate
from opsagent.stages.judge import Judge
from opsagent.stages.remind import Remind
from opsagent.stages.silence import FindSilence

log = logging.getLogger(__name__)
CLOCKS_APART_S = 300.0  # how far the clock of whoever reports a deployment may be ahead of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The door. Callers have checked the permission of their route; deciding an approval is checked here again.

    `parse_runbook(text, path, tenant)` turns Markdown into a runbook or raises RunbookError.
    """

    stores: Stores
    accept: Accept
    find_silence: FindSilence
    correlate: Correlate
    judge: Judge
    index: RunbookIndex
    parse_runbook: RunbookParser
    readers: Readers
    dispatch: Dispatch
    live: Live
    clock: Clock
    enabled: bool = True
    auto_close: AutoClose = AutoClose.OFF
    threshold: float = 0.9
    remind: Remind = field(default_factory=Remind)
    pressure: Pressure = field(default_factory=Pressure)
    answerer: Answerer | None = None

    @property
    def skills(self) -> Skills:
        """What people wrote down for models."""
        return self.accept.skills

    async def submit(self, trigger: Trigger, *, key: IdempotencyKey | None = None) -> Run:
        """Store a run and wake a worker. Errors of `Accept`; Disabled when intake is switched off."""
        self.require_enabled()
        with self.pressure.storing():
            run = await self.accept(trigger, key=key)
        self._changed(run.tenant, run.id)
        return run

    async def receive(self, tenant: str, signals: Sequence[Signal]) -> Sequence[Joined]:
        """Store signals, with the tickets and runs they make. Disabled when intake is switched off."""
        self.require_enabled()
        with self.pressure.storing():
            silenced = await self.find_silence(tenant, signals)
            joined = await self.correlate(signals, silenced=silenced)
        for one in joined:
            if one.quiet and one.ticket.run_id:
                await self._tell_quiet(one.ticket)
            if (one.created or one.reopened or one.member or one.quiet) and one.ticket.run_id:
                self._changed(tenant, one.ticket.run_id)
        return joined

    @property
    def timetable(self) -> Timetable:
        """The door to schedules, silences and maintenance windows."""
        calendar = self.find_silence.calendar
        return Timetable(stores=self.stores, calendar=calendar, clock=self.clock, submit=self.submit)

    @property
    def library(self) -> Library:
        """The door to runbooks and their versions."""
        return Library(
            runbooks=self.stores.runbooks,
            connections=self.stores.connections,
            parse=self.parse_runbook,
            judge=self.judge,
            clock=self.clock,
            readers=self.readers,
            index=self.index,
        )

    @property
    def drafts(self) -> Drafts:
        """The door to what runs have taught."""
        return Drafts(store=self.stores.drafts, library=self.library)

    @property
    def escalations(self) -> Escalations:
        """The door to what people are told while nobody reacts."""
        return Escalations(stores=self.stores, remind=self.remind, clock=self.clock, changed=self._changed)

    async def _tell_quiet(self, ticket: Ticket) -> None:
        """The open run hears that its alert has resolved; best effort, like every line of a timeline."""
        words = "Every alert of this ticket has resolved at its source. That closes nothing: it is measured again."
        try:
            run = await self.stores.runs.get(ticket.tenant, ticket.run_id)
            if not run.ended:
                told = RunEvent(
                    run_id=run.id,
                    tenant=run.tenant,
                    type=EventType.TRIAGE,
                    node=run.next_node.value,
                    content=words,
                    created_at=self.clock.now(),
                )
                await self.stores.journal.append([told])
        except (UnavailableError, NotFound, ConflictError) as error:
            log.warning("run %s was not told that its alert has resolved: %s", ticket.run_id, error.message)

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
        if grant:
            await self._is_another(principal, approval_id)
        approval = await self.stores.approvals.decide(
            principal.tenant, approval_id, grant=grant, by=principal.id, notes=notes, digest=digest
        )
        self._changed(principal.tenant, approval.run_id)
        return approval

    async def _is_another(self, principal: Principal, approval_id: str) -> None:
        """Where somebody else must approve: who started it from a chat is the person they are linked to. Forbidden."""
        approval = await self.stores.approvals.get(principal.tenant, approval_id)
        chat, _, user = approval.started_by.partition(":")
        if not approval.four_eyes or chat == principal.kind.value:
            return
        workspace, _, user = user.partition(":")
        member = await self.stores.chat_users.find(principal.tenant, chat, user) if user else None
        if member is None or not member.is_user(workspace, user):
            return
        if same_person(member.principal().id, principal.id):
            raise Forbidden(
                f"{principal.id} started this run, and the policy wants somebody else to approve it.",
                fix="Ask a colleague with the role approver. Refusing it is open to you.",
            )

    async def decide_step(
        self, principal: Principal, run_id: str, step_number: int, *, grant: bool, notes: str = "", digest: str = ""
    ) -> Approval:
        """The same by run and step number; the newest question of that step is meant. NotFound if it has none.

        A yes to a step that was asked about more than once needs the digest of what was shown: ApprovalMismatch.
        """
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
        if grant and not digest and len(questions) > 1:  # which of them was on the person's screen, nobody can tell
            raise ApprovalMismatch(
                f"Step {step_number} was asked about more than once; nothing was approved.",
                fix="Look at the present question, and send its digest with your yes.",
            )
        return await self.decide(principal, questions[-1].id, grant=grant, notes=notes, digest=digest)

    async def cancel(self, principal: Principal, run_id: str) -> Run:
        """Ask a run to stop; a running command is killed. NotFound, IllegalMove once it has ended."""
        run = await self.stores.control.request_cancel(principal.tenant, run_id, principal.id)
        self._changed(principal.tenant, run_id)
        return run

    async def retry(self, principal: Principal, run_id: str, *, key: IdempotencyKey | None = None) -> Run:
        """A new run of the same request, with `retryOf`. NotFound, IllegalMove while the old one is open."""
        self.require_enabled()
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
        """A person closes or reopens a ticket. Forbidden, NotFound; IllegalMove when it changed meanwhile."""
        if principal.kind is not PrincipalKind.PERSON:
            raise Forbidden(
                f"{principal.id} is a service, and only people close and reopen tickets.",
                fix="Send 'resolved' by the source's webhook: it is measured, and closes what is healthy.",
            )
        ticket = await self.stores.tickets.get(principal.tenant, ticket_id)
        if reopen and ticket.merged_into:
            raise IllegalMove(f"Ticket {ticket_id} was merged for good.", fix=f"Work on {ticket.merged_into}.")
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

    async def say(self, principal: Principal, ticket_id: str, *, real: bool, note: str = "") -> Feedback:
        """A person says whether a ticket was a real problem or noise. It closes nothing; triage learns from it.

        Forbidden, NotFound.
        """
        if not principal.may(Permission.APPROVE):
            raise Forbidden(
                f"{principal.id} may not say this: automatic closing learns from it.",
                fix="A person with the role approver or admin says it.",
            )
        now = self.clock.now()
        said = Feedback(
            tenant=principal.tenant, ticket_id=ticket_id, real=real, by=principal.id, at=now, note=cap(note, 2000)
        )
        entry = AuditEntry(
            tenant=principal.tenant,
            at=now,
            actor=principal.id,
            action="ticket.feedback",
            detail={"ticket": ticket_id, "real": str(real).lower(), "note": said.note},
        )
        await self.stores.triage.say(said, (entry,))
        return said

    async def deployed(self, deployment: Deployment) -> Deployment:
        """Note that something was deployed. InputError for a time to come; IdempotencyMismatch."""
        if deployment.at > self.clock.now() + CLOCKS_APART_S:
            raise InputError("The deployment lies in the future.", fix="Send the time at which it went live.")
        stored = await self.stores.deployments.put(deployment)
        if (stored.service, stored.environment, stored.version) != (
            deployment.service,
            deployment.environment,
            deployment.version,
        ):
            raise IdempotencyMismatch("This Idempotency-Key was used for another deployment.", fix="Use a new key.")
        return stored

    async def quality(self, tenant: str, *, days: float) -> Standing:
        """How automatic closing did in the last so many days, in which mode it is, and what people said."""
        quality = await self.stores.triage.quality(tenant, since=self.clock.now() - days * 86400)
        return Standing(
            mode=self.auto_close,
            threshold=self.threshold,
            quality=quality,
            answers=await self.stores.triage.answers(tenant),
        )

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

    async def waiting(self, tenant: str, *, run_id: str = "", limit: int = 100) -> Waiting:
        """What waits for a person: at most `limit` of each kind, the oldest first; with `run_id` of that run."""
        return await waiting(self.stores.approvals, self.stores.journal, tenant, run_id=run_id, limit=limit)

    async def add_runbook(self, principal: Principal, text: str, path: str) -> Runbook:
        """Check and store a runbook. RunbookError with file, line and fix."""
        return await self.library.put(principal, text, path)

    async def search(self, tenant: str, query: str, *, limit: int = 5) -> Found:
        """The runbooks that answer a query, ranked; disabled ones are left out."""
        return (await self.library.search(tenant, query, limit=limit)).found

    async def explain(self, tenant: str, commands: Sequence[str], connection: str = "") -> Sequence[Verdict]:
        """What the policy would say of these commands on a connection; nothing is executed. NotFound."""
        target: Connection = await self.stores.connections.get(tenant, connection or "sandbox")
        return await self.judge.explain(commands, target)

    def _changed(self, tenant: str, run_id: str) -> None:
        self.dispatch.hint(tenant, run_id)
        self.live.changed(tenant, run_id)

    def require_enabled(self) -> None:
        """Disabled when intake is switched off."""
        if not self.enabled:
            raise Disabled("Intake is switched off.", fix="Set AGENT_OPS_ENABLED=true and start again.")


def _with_status(ticket: Ticket, status: TicketStatus, reason: str, now: float) -> Ticket:
    closed = now if status is TicketStatus.CLOSED else None
    return replace(ticket, status=status, reason=reason, updated_at=now, closed_at=closed)
