"""What a run intends, in order or in parts, and what of its outputs a model has asked to read on in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from opsagent.domain.runbook import RunbookStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in order, and why. Each is rendered and judged on its own when its turn comes; no plan is approved whole.

    `by` is empty where people wrote the steps (a runbook), else the model whose words they are.
    """

    steps: tuple[RunbookStep, ...]
    reason: str
    by: str = ""

    def step(self, name: str) -> RunbookStep | None:
        """The step of that name, or None."""
        return next((step for step in self.steps if step.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A stretch of one of the run's own outputs: bytes `start` to `end` of what the step of that number wrote."""

    step: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """One goal of a task with several, in a model's words; it becomes a run of its own.

    `after` are the places (from 0) of those that must have ended well before, all of them earlier. `changes`: it means
    to change something, so nothing else of the task is under way meanwhile.
    """

    task: str
    after: tuple[int, ...] = ()
    changes: bool = False


def subtask_run_id(parent_id: str, place: int) -> str:
    """The id of its run: a UUID version 5, so that making it twice makes one."""
    return str(uuid5(UUID(parent_id), str(place)))


def ready(subtasks: Sequence[Subtask], ended_well: Sequence[bool | None], begun: Sequence[bool]) -> tuple[int, ...]:
    """Which to begin now: all looks that wait for nothing, side by side; a change only by itself.

    `ended_well` is None for what has not ended.
    """
    under_way = [place for place, is_begun in enumerate(begun) if is_begun and ended_well[place] is None]
    if any(subtasks[place].changes for place in under_way):
        return ()
    free = [
        place
        for place, one in enumerate(subtasks)
        if not begun[place] and all(ended_well[before] is True for before in one.after)
    ]
    looks = tuple(place for place in free if not subtasks[place].changes)
    return looks if looks or under_way else tuple(free[:1])


def out_of_reach(subtasks: Sequence[Subtask], ended_well: Sequence[bool | None]) -> frozenset[int]:
    """Those that will never begin, because one they need ended badly or will never begin itself."""
    lost: set[int] = set()
    for place, one in enumerate(subtasks):
        if any(ended_well[before] is False or before in lost for before in one.after):
            lost.add(place)
    return frozenset(lost)
