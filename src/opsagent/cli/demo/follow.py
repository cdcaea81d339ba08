"""Follows one run to its end: tells each fact as it is stored, and carries a person's answer to the door."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsagent.cli.demo.asking import Asker
from opsagent.cli.demo.telling import Teller
from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.identity import Principal
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Classification
from opsagent.errors import UnavailableError
from opsagent.loop.agent import Agent
from opsagent.loop.views import RunView
from opsagent.ports.clock import Clock

LOOK_S = 0.1
LIMIT_S = 60.0  # a run of the demo takes seconds; the time a person thinks is not counted
INNER = ("measure", "save for ")  # how the loop names its own reads: told as one conclusion, not one by one
OVER = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.REFUSED, StepStatus.UNDONE})


@dataclass(slots=True, kw_only=True)
class Follower:
    """Reads one run through the same door as everyone, and remembers what it has told."""

    agent: Agent
    clock: Clock
    teller: Teller
    person: Principal
    ask: Asker
    _told: set[str] = field(default_factory=set)

    async def follow(self, run_id: str) -> RunView:
        """The run once it has ended. UnavailableError when that takes longer than LIMIT_S."""
        limit = self.clock.monotonic() + LIMIT_S
        while True:
            view = await self.agent.view(self.person.tenant, run_id)
            self._tell(view)
            waiting = [one for one in view.approvals if one.status is ApprovalStatus.PENDING]
            if waiting:
                began = self.clock.monotonic()
                await self._decide(waiting[0], view)
                limit += self.clock.monotonic() - began
            if view.run.ended:
                return view
            if self.clock.monotonic() >= limit:
                raise UnavailableError(
                    f"Run {run_id} did not end within {LIMIT_S:.0f} s; it is {view.run.status}.",
                    fix="Run the demo again; with --keep it stays up to be looked at.",
                )
            await self.clock.sleep(LOOK_S)

    def _tell(self, view: RunView) -> None:
        found = view.run.assessment
        if found and self._first("triage"):
            for evidence in found.evidence[:1]:
                self.teller.fact("measured", evidence.text.removeprefix("Measured "))
            words = found.classification.value.replace("_", " ")
            self.teller.fact("triage", f"{words}, confidence {found.confidence:.2f}")
            if found.classification is not Classification.FALSE_POSITIVE:
                self.teller.fact("runbook", view.run.runbook_id or "none")
        for step in view.steps:
            if step.status in OVER and not step.name.startswith(INNER) and self._first(step.id):
                self._tell_step(step)
        if any(step.phase is Phase.VERIFY for step in view.steps) and self._first("verify"):
            self.teller.now("measuring /healthz until it holds")

    def _tell_step(self, step: Step) -> None:
        if step.status is StepStatus.REFUSED:
            self.teller.fact("not run", step.name)
        elif step.is_read:
            self.teller.looked(step)
        else:
            self.teller.changed(step)

    async def _decide(self, approval: Approval, view: RunView) -> None:
        async def show() -> None:
            events = await self.agent.stores.journal.events(self.person.tenant, view.run.id)
            self.teller.everything(view, events, self.clock.now())

        self.teller.question(approval, view.steps, self.clock.now())
        grant = await self.ask(show)
        await self.agent.decide(self.person, approval.id, grant=grant, digest=approval.digest)

    def _first(self, what: str) -> bool:
        new = what not in self._told
        self._told.add(what)
        return new
