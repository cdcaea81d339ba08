"""Undo: take back, newest first, what was tried and did not help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.restoring import restoring
from opsagent.domain.step import Saved, Step, StepStatus

_TAKEN_BACK = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.HAPPENED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """One command that takes `step` back; `path` is the saved one it writes back, empty for a declared undo."""

    step: Step
    text: str
    path: str = ""
    artifact: str = ""


def to_undo(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that had or may have had an effect and were not taken back yet, newest claim first."""
    had_effect = [step for step in steps if step.may_have_had_effect and not step.undo_of]
    return tuple(sorted(had_effect, key=lambda step: (step.claimed_at or 0.0, step.number), reverse=True))


def unresolved(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps, and undos, nobody knows the end of: while there is one, nothing is undone."""
    undos = [step for step in steps if step.undo_of and step.status in (StepStatus.CLAIMED, StepStatus.UNKNOWN)]
    return (*undos, *(step for step in to_undo(steps) if step.status not in _TAKEN_BACK))


def reversals(step: Step, steps: Sequence[Step], *, restore: bool) -> tuple[Reversal, ...]:
    """The commands that still have to run to take this step back; none where the step declares no undo."""
    if not step.command.undo:
        return ()
    wanted = [Reversal(step=step, text=step.command.undo)]
    if restore:
        wanted = [_restoring(step, path, saved) for path, saved in reversed(list(step.saved.items()))]
    done = {one.command.text for one in steps if one.undo_of == step.id and one.status is StepStatus.SUCCEEDED}
    return tuple(one for one in wanted if one.text not in done)


def _restoring(step: Step, path: str, saved: Saved) -> Reversal:
    return Reversal(step=step, text=restoring(path, saved, step_id=step.id), path=path, artifact=saved.artifact)
