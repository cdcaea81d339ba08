"""Decides what to do next; keeps no state, runs nothing. The runbook reasoner needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.connection import Connection
from opsagent.domain.plan import Excerpt, Plan, Subtask
from opsagent.domain.run import Mode, Run, Usage
from opsagent.domain.runbook import Runbook, RunbookStep
from opsagent.domain.step import Step
from opsagent.domain.ticket import Evidence, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What a model asked to read on in, and what stands there."""

    excerpt: Excerpt
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Another run that belongs to this one: `run` is None where it never began."""

    task: str
    run: Run | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything a reasoner may look at. `runbook` is the one to follow, `candidates` are what a search found.

    `parts` are the subtasks of a run that was split, or those that a subtask builds on.
    `skill` is what people wrote down for models about this kind of work, bounded; empty where none was chosen.
    `connections` are the registered targets in the run's scope, and no others.
    """

    run: Run
    steps: Sequence[Step] = ()
    runbook: Runbook | None = None
    candidates: Sequence[Runbook] = ()
    connections: Sequence[Connection] = ()
    skill: str = ""
    ticket: Ticket | None = None
    passages: Sequence[Passage] = ()
    parts: Sequence[Part] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Which way to go, and why, in words.

    `runbook_id` is one of the candidates, or nothing; `parameters` are values for what it declares, each of which must
    fit. `goals` are the parts of a task with several. `opinion` is one more piece of evidence for triage. `risk` is
    low, medium, high or nothing: shown as the model's opinion, and read by no rule. `ok` is False where no answer was
    to be had. `by` is the model that said it; empty for people's runbooks.
    """

    mode: Mode
    reason: str
    runbook_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    goals: tuple[Subtask, ...] = ()
    skill: str = ""
    risk: str = ""
    opinion: Evidence | None = None
    ok: bool = True
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The next step. Values for its holes come from the run, never from here."""

    step: RunbookStep
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A step whose condition does not hold; it is journaled and passed over."""

    step: RunbookStep
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Nothing more to do. `ok` is False when what was tried did not go as expected."""

    reason: str
    ok: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedMore:
    """Wants to read on in an output of this run."""

    excerpt: Excerpt


Move = Proposal | Skip | Done | NeedMore


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """Did the world change as expected? `next` is continue, revise, roll_back or stop."""

    as_expected: bool
    next: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What people read at the end."""

    text: str
    recommendations: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


class Reasoner(Protocol):
    """Each call gets everything it needs and returns (typed value, usage).

    A model that gives no answer is an answer: the value's reason says so. None of them raises for a model's sake.
    """

    @property
    def name(self) -> str:
        """How it is called in settings and on the timeline."""
        ...

    async def evaluate(self, situation: Situation) -> tuple[Evaluation, Usage]:
        """Which mode: plan, fast or end."""
        ...

    async def plan(self, situation: Situation) -> tuple[Plan, Usage]:
        """What to do, in order; no steps and a reason when there is nothing it could do."""
        ...

    async def propose(self, situation: Situation) -> tuple[Move, Usage]:
        """The next move."""
        ...

    async def reflect(self, situation: Situation, step: Step) -> tuple[Reflection, Usage]:
        """What the newest outcome means."""
        ...

    async def revise(self, situation: Situation) -> tuple[Plan | NeedMore | Done, Usage]:
        """Another way, after a step was refused or did not go as expected: the whole plan anew, what is done in it."""
        ...

    async def summarise(self, situation: Situation) -> tuple[Summary, Usage]:
        """The result in words."""
        ...
