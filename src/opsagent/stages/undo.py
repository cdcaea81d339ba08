"""Undo: take back, newest first, what was tried and did not help."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.step import Step, StepStatus

ABSENT = "absent"  # the mark of a path that did not exist before the effect
_TAKEN_BACK = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.HAPPENED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """One command that takes `step` back; `restores` is the saved path it writes, empty for a declared undo."""

    step: Step
    text: str
    restores: str = ""


def to_undo(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that had or may have had an effect and were not taken back yet, newest claim first."""
    had_effect = [step for step in steps if step.may_have_had_effect and not step.undo_of]
    return tuple(sorted(had_effect, key=lambda step: (step.claimed_at or 0.0, step.number), reverse=True))


def unresolved(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps nobody knows the end of: they are resolved before anything is undone."""
    return tuple(step for step in to_undo(steps) if step.status not in _TAKEN_BACK)


def reversals(step: Step, *, restore: bool) -> tuple[Reversal, ...]:
    """The commands that take this step back; none where the step declares no undo.

    A saved file is written in place (`base64 -d >`), so that its owner and mode stay; one that was absent is removed.
    """
    if not step.command.undo:
        return ()
    if not restore:
        return (Reversal(step=step, text=step.command.undo),)
    commands = []
    for path, artifact in reversed(list(step.saved.items())):
        quoted = shlex.quote(path)
        text = f"rm -f -- {quoted}" if artifact == ABSENT else f"base64 -d > {quoted}"
        commands.append(Reversal(step=step, text=text, restores=path))
    return tuple(commands)
