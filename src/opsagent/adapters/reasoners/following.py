"""Following written steps in order: which comes next, which is passed over, and after which nothing may follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opsagent.domain.expectation import describe, holds
from opsagent.domain.placeholders import names
from opsagent.domain.render import CONNECTION_PREFIX
from opsagent.domain.runbook import Phase, RunbookStep
from opsagent.domain.step import Step, StepStatus
from opsagent.ports.reasoner import Done, Move, Proposal, Situation, Skip

_MAX_TRIES = 3  # a step whose command provably never started is proposed again, this often at most
_STOPPED: dict[StepStatus, str] = {
    StepStatus.FAILED: "did not go as expected",
    StepStatus.UNKNOWN: "may or may not have happened; a person has to look",
    StepStatus.ABORTED: "was given up by a person",
    StepStatus.UNDONE: "was taken back",
}


def newest(steps: Sequence[Step]) -> Mapping[str, Step]:
    """The newest attempt of each step by name."""
    return {step.name: step for step in sorted(steps, key=lambda step: step.number) if not step.undo_of}


def follow(steps: Sequence[RunbookStep], situation: Situation, *, over: Done) -> Move:
    """The first step that is not journaled yet: proposed, or skipped when its condition does not hold; else `over`."""
    latest = newest(situation.steps)
    for step in steps:
        journaled = latest.get(step.name)
        if journaled is None or _never_started(journaled, situation.steps):
            return _next(step, situation)
        if stop := stops(journaled):
            return Done(reason=stop, ok=False)
    return over


def _never_started(step: Step, steps: Sequence[Step]) -> bool:
    tries = sum(other.name == step.name for other in steps)
    return step.status is StepStatus.NOT_HAPPENED and tries < _MAX_TRIES


def stops(step: Step) -> str:
    """Why nothing may follow this step; empty when the next one may."""
    if step.status is StepStatus.REFUSED:
        return f"`{step.name}` was refused, so what follows it is not tried."
    if step.status is StepStatus.NOT_HAPPENED:
        return f"`{step.name}` could not be started {_MAX_TRIES} times."
    if step.phase is Phase.MITIGATION and step.status in _STOPPED:
        return f"`{step.name}` {_STOPPED[step.status]}, so what follows it is not tried."
    return ""


def _next(step: RunbookStep, situation: Situation) -> Move:
    if not holds(step.when, situation.steps):
        return Skip(step=step, why=f"Passed over: it runs only when {describe(step.when)}.")
    declared = situation.runbook.parameters if situation.runbook else ()
    given = {*situation.run.parameters, *situation.run.captures}
    given |= {parameter.name for parameter in declared if parameter.default is not None}
    for name in names(step.text):
        if name in given or name.startswith(CONNECTION_PREFIX):
            continue
        if any(parameter.name == name for parameter in declared):
            return Skip(step=step, why=f"Passed over: it needs `{name}`, which was not given.")
        return Skip(step=step, why=f"Passed over: no step before it found `{name}`.")
    return Proposal(step=step, why=step.why)
