"""Decides what to do next; keeps no state, runs nothing. The runbook reasoner needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.connection import Connection
from opsagent.domain.run import Mode, Run, Usage
from opsagent.domain.runbook import Runbook, RunbookStep
from opsagent.domain.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything a reasoner may look at. `runbook` is the one to follow, `candidates` are what a search found."""

    run: Run
    steps: Sequence[Step] = ()
    runbook: Runbook | None = None
    candidates: Sequence[Runbook] = ()
    connections: Sequence[Connection] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Which way to go, and why, in words."""

    mode: Mode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is intended, in order, in words; each step is rendered and judged on its own when its turn comes."""

    steps: tuple[RunbookStep, ...]
    reason: str


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
    """Wants to read on in an artifact: bytes `start` to `end`."""

    artifact: str
    start: int
    end: int


Move = Proposal | Skip | Done | NeedMore


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """Did the world change as expected? `next` is continue, revise or stop."""

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
    """Each call gets everything it needs and returns (typed value, usage)."""

    @property
    def name(self) -> str:
        """How it is called in settings and on the timeline."""
        ...

    async def evaluate(self, situation: Situation) -> tuple[Evaluation, Usage]:
        """Which mode: plan, fast or end."""
        ...

    async def plan(self, situation: Situation) -> tuple[Plan, Usage]:
        """What to do, in order."""
        ...

    async def propose(self, situation: Situation) -> tuple[Move, Usage]:
        """The next move."""
        ...

    async def reflect(self, situation: Situation, step: Step) -> tuple[Reflection, Usage]:
        """What the newest outcome means."""
        ...

    async def summarise(self, situation: Situation) -> tuple[Summary, Usage]:
        """The result in words."""
        ...
