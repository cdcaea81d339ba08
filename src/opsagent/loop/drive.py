"""One run in one worker's hands: what is known about it, and the one way to write it down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.connection import Connection
from opsagent.domain.ending import Ending
from opsagent.domain.event import AuditEntry, EventType, RunEvent
from opsagent.domain.notice import Notice
from opsagent.domain.plan import Excerpt, Subtask, subtask_run_id
from opsagent.domain.render import Values
from opsagent.domain.run import Node, Run, Usage
from opsagent.domain.runbook import Runbook, RunbookStep
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Ticket
from opsagent.errors import LeaseLost, NotFound, UnavailableError
from opsagent.loop.limits import Limits
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.dispatch import Live
from opsagent.ports.reasoner import Part, Passage, Reasoner, Situation
from opsagent.ports.skills import NoSkills, Skills
from opsagent.ports.stores import Change, EffectClaim, Lease, Stores
from opsagent.ports.tickets import Measurement
from opsagent.stages.ask import Ask
from opsagent.stages.close import Close
from opsagent.stages.execute import Execute
from opsagent.stages.find_runbook import FindRunbook
from opsagent.stages.judge import Judge
from opsagent.stages.learn import Learn
from opsagent.stages.propose import Propose
from opsagent.stages.silence import FindFreezes
from opsagent.stages.tell import Tell

A = TypeVar("A")
MEASURE = "measure"  # the name of each sample of a condition
REMINDERS = 200  # so many of the newest notices of a run are looked at for reminders of a question
PASSAGES = 4  # so many of the newest stretches a model asked for are shown to it again


class StoppedThinking(Exception):
    """A person cancelled the run while a model was being asked."""


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
    find_freezes: FindFreezes
    propose: Propose
    judge: Judge
    ask: Ask
    execute: Execute
    close: Close
    learn: Learn
    tell: Tell
    limits: Limits
    told: Callable[[], None]
    skills: Skills = field(default_factory=NoSkills)
    slots: dict[tuple[str, str], asyncio.Semaphore] = field(default_factory=dict)

    def slot(self, tenant: str, target: str) -> asyncio.Semaphore:
        """What bounds the commands running at once on one target of one tenant, in this process."""
        return self.slots.setdefault((tenant, target), asyncio.Semaphore(self.limits.per_target))


@dataclass(slots=True, kw_only=True)
class Drive:
    """The run, its steps and its lease. Everything it holds is what the store holds: `save` is the only writer.

    `parked`: nothing more to do for now. `lost`: another worker holds it. `passed` is the token of the attempt
    that guard let through in this drive: what another worker let through, some time ago, is looked at once more.
    """

    kit: Kit
    lease: Lease
    run: Run
    steps: list[Step] = field(default_factory=list)
    parked: bool = False
    lost: bool = False
    passed: str = ""

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
        answered: Sequence[Approval] = (),
        ending: Ending | None = None,
    ) -> Run:
        """Write all of it in one transaction under the lease, then hold it. The errors of `RunStore.save`.

        `approvals` are changed by it; `answered` were by people, and are only told about.
        """
        told = await self._told(run, (*approvals, *answered), ticket)
        change = Change(
            run=run,
            steps=steps,
            approvals=approvals,
            audit=audit,
            notices=(*notices, *told),
            events=events,
            ticket=ticket,
            claim=claim,
            release_target=release_target,
            measured=measured,
            ending=ending,
        )
        try:
            self.run = await self.kit.stores.runs.save(self.lease, change)
        except LeaseLost:
            self.lost = True
            raise
        for step in steps:
            self._hold(step)
        self.kit.live.changed(run.tenant, run.id)
        if notices or told:
            self.kit.told()
        return self.run

    async def _told(self, run: Run, approvals: Sequence[Approval], ticket: Ticket | None) -> tuple[Notice, ...]:
        """What people hear of this save: of each question that opens or closes, and of the end."""
        told: list[Notice] = []
        for approval in approvals:
            environment = await self._environment(approval.target)
            told += self.kit.tell.question(run, approval, environment)
            if approval.status is not ApprovalStatus.PENDING:
                earlier = await self.kit.stores.notices.list(run.tenant, run_id=run.id, limit=REMINDERS)
                told += self.kit.tell.reminded(run, approval, environment, earlier.items)
        if run.ended:
            told += self.kit.tell.end(run, ticket, await self._environment(run.connection))
        return tuple(told)

    async def _environment(self, target: str) -> str:
        """Where a target stands; empty where it is not registered any more, or a run has none."""
        try:
            return (await self.connection(target)).environment if target else ""
        except NotFound:
            return ""

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
        usage: Usage | None = None,
    ) -> RunEvent:
        """A line for the timeline, to be handed to `save`; `usage` is what a model's part in it cost."""
        arguments = {"command": step.command.text, "step": str(step.number), "name": step.name} if step else {}
        if step and step.command.author:
            arguments["author"] = step.command.author
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
            metadata={**(metadata or {}), **_cost(usage)},
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

    async def template(self, name: str) -> RunbookStep | None:
        """The step of that name as it was written, in the runbook or in the model's plan; None if it is in neither."""
        runbook = await self.runbook()
        if runbook is not None:
            return next((step for step in runbook.steps if step.name == name), None)
        return self.run.plan.step(name) if self.run.plan else None

    async def parts(self) -> Sequence[Part]:
        """The subtasks of this run; or, of a subtask, those it builds on."""
        run = self.run
        if run.subtasks:
            return [await self._part(run.id, place, one) for place, one in enumerate(run.subtasks)]
        if not run.parent:
            return ()
        with contextlib.suppress(NotFound):  # a parent may be gone: it is kept for some time only
            parent = await self.kit.stores.runs.get(run.tenant, run.parent)
            for place, one in enumerate(parent.subtasks):
                if subtask_run_id(parent.id, place) == run.id:
                    return [await self._part(parent.id, before, parent.subtasks[before]) for before in one.after]
        return ()

    async def _part(self, parent_id: str, place: int, subtask: Subtask) -> Part:
        try:
            found = await self.kit.stores.runs.get(self.run.tenant, subtask_run_id(parent_id, place))
        except NotFound:
            return Part(task=subtask.task, run=None)
        return Part(task=subtask.task, run=found)

    async def situation(self, *, runbook: Runbook | None = None, candidates: Sequence[Runbook] = ()) -> Situation:
        """Everything the reasoner may look at."""
        registered = await self.kit.stores.connections.list(self.run.tenant)
        return Situation(
            run=self.run,
            steps=tuple(self.steps),
            runbook=runbook or await self.runbook(),
            candidates=candidates,
            connections=tuple(one for one in registered if self.run.may_use(one)),
            ticket=await self.ticket(),
            passages=[await self._passage(one) for one in self.run.excerpts[-PASSAGES:]],
            parts=await self.parts(),
            skill=await self._skill(),
        )

    async def skilled(self, name: str) -> Run:
        """The run with the skill a model picked, where nobody has chosen one and it is there."""
        try:
            if self.run.selected_skill or not name:
                return self.run
            return replace(self.run, selected_skill=(await self.kit.skills.get(name)).name)
        except NotFound:
            return self.run

    async def _skill(self) -> str:
        """The text of the chosen skill; empty where none was, or where it is gone since the run was accepted."""
        try:
            return (await self.kit.skills.get(self.run.selected_skill)).text if self.run.selected_skill else ""
        except NotFound:
            return ""

    async def _passage(self, excerpt: Excerpt) -> Passage:
        """What stands there; only the run's own outputs are read, whatever was asked for."""
        outcome = next((step.told for step in self.steps if step.number == excerpt.step), None)
        if outcome is None:
            return Passage(excerpt=excerpt, text="This run has no such output.")
        content = (outcome.stdout + outcome.stderr).encode("utf-8", "replace")
        if outcome.artifact:
            with contextlib.suppress(NotFound):  # it is kept for some time only; what the step holds is still there
                content = await self.kit.artifacts.get(self.run.tenant, outcome.artifact)
        return Passage(excerpt=excerpt, text=content[excerpt.start : excerpt.end].decode("utf-8", "replace"))

    async def think(self, answer: Awaitable[A]) -> A:
        """The reasoner's answer. StoppedThinking: a person cancelled meanwhile, and the question was dropped."""
        task = asyncio.ensure_future(answer)
        try:
            while not (await asyncio.wait({task}, timeout=self.kit.limits.watch_s))[0]:
                with contextlib.suppress(UnavailableError):
                    if await self.cancelled():
                        raise StoppedThinking
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

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


def _cost(usage: Usage | None) -> Mapping[str, str]:
    if usage is None or not usage.calls:
        return {}
    return {
        "asked": "; ".join(usage.by),
        "calls": str(usage.calls),
        "inputTokens": str(usage.input_tokens),
        "outputTokens": str(usage.output_tokens),
    }
