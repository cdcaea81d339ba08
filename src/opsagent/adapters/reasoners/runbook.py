"""The reasoner with no model: it follows a runbook step by step, and says so when there is none to follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opsagent.adapters.reasoners.wording import summary_text
from opsagent.domain.expectation import describe, holds, meets
from opsagent.domain.placeholders import names
from opsagent.domain.render import CONNECTION_PREFIX
from opsagent.domain.run import Mode, Usage, Verified
from opsagent.domain.runbook import Phase, Runbook, RunbookStep
from opsagent.domain.step import Step, StepStatus
from opsagent.ports.reasoner import Done, Evaluation, Move, Plan, Proposal, Reflection, Situation, Skip, Summary

_PLANNED = (Phase.TRIAGE, Phase.DIAGNOSIS, Phase.MITIGATION)
_FREE = Usage()
_MAX_TRIES = 3  # a step whose command provably never started is proposed again, this often at most
_STOPPED: dict[StepStatus, str] = {
    StepStatus.FAILED: "did not go as expected",
    StepStatus.UNKNOWN: "may or may not have happened; a person has to look",
    StepStatus.ABORTED: "was given up by a person",
    StepStatus.UNDONE: "was taken back",
}


class RunbookReasoner:
    """Follows `Situation.runbook`: its diagnosis, then its mitigation, each step once. Costs nothing, keeps nothing."""

    @property
    def name(self) -> str:
        """How it is called in settings and on the timeline."""
        return "runbook"

    async def evaluate(self, situation: Situation) -> tuple[Evaluation, Usage]:
        """Plan for a runbook of several steps, fast for one step, end when there is nothing to follow."""
        runbook = situation.runbook
        if runbook is None:
            return Evaluation(
                mode=Mode.END, reason=f"No runbook fits exactly, so nothing runs. {_nearest(situation)}"
            ), _FREE
        if not runbook.executable:
            reason = f"The runbook `{runbook.id}` has no front matter: it is for reading and never runs by itself."
            return Evaluation(mode=Mode.END, reason=reason), _FREE
        steps = _planned(runbook)
        if not steps:
            return Evaluation(mode=Mode.END, reason=f"The runbook `{runbook.id}` has no step to run."), _FREE
        asked = situation.run.mode
        mode = asked if asked in {Mode.PLAN, Mode.FAST} else Mode.PLAN if len(steps) > 1 else Mode.FAST
        return Evaluation(
            mode=mode, reason=f"The runbook `{runbook.id}` ({runbook.title}) fits: {_counted(steps)}."
        ), _FREE

    async def plan(self, situation: Situation) -> tuple[Plan, Usage]:
        """The runbook's steps without verify and rollback, in the order they run in."""
        runbook = situation.runbook
        if runbook is None:
            return Plan(steps=(), reason="There is no runbook to follow."), _FREE
        steps = _planned(runbook)
        return Plan(steps=steps, reason=f"{runbook.title}, version {runbook.version[:12]}: {_counted(steps)}."), _FREE

    async def propose(self, situation: Situation) -> tuple[Move, Usage]:
        """The first step that is not journaled yet: proposed, or skipped when its condition does not hold."""
        return _move(situation), _FREE

    async def reflect(
        self,
        situation: Situation,  # noqa: ARG002 - the port's signature; the step alone tells
        step: Step,
    ) -> tuple[Reflection, Usage]:
        """Whether the step met its expectation; only an unexpected repair stops the run."""
        if step.outcome is None:
            return Reflection(
                as_expected=False, next="stop", reason=f"`{step.name}` has no outcome: {step.status}."
            ), _FREE
        ok, reason = meets(step.expect, step.outcome)
        if step.status is StepStatus.FAILED and ok:  # it was judged before, with more in hand (a capture that failed)
            ok, reason = False, step.outcome.note or "its output could not be used"
        if ok:
            return Reflection(as_expected=True, next="continue", reason=f"`{step.name}`: {reason}."), _FREE
        if step.phase is Phase.MITIGATION:
            return Reflection(as_expected=False, next="stop", reason=f"`{step.name}` did not help: {reason}."), _FREE
        return Reflection(
            as_expected=False, next="continue", reason=f"`{step.name}`: {reason}. That is information; going on."
        ), _FREE

    async def summarise(self, situation: Situation) -> tuple[Summary, Usage]:
        """What was found, what was done and whether the world was measured healthy, in a few lines."""
        values = dict(situation.run.captures)
        return Summary(text=summary_text(situation), recommendations=_recommendations(situation), values=values), _FREE


def _planned(runbook: Runbook) -> tuple[RunbookStep, ...]:
    return tuple(step for phase in _PLANNED for step in runbook.steps if step.phase is phase)


def _counted(steps: Sequence[RunbookStep]) -> str:
    repairs = sum(step.phase is Phase.MITIGATION for step in steps)
    looks = len(steps) - repairs
    return f"{looks} {'step' if looks == 1 else 'steps'} to look, {repairs} to mend"


def _nearest(situation: Situation) -> str:
    if not situation.candidates:
        return "Nothing similar was found."
    named = ", ".join(f"`{runbook.id}` ({runbook.title})" for runbook in situation.candidates[:5])
    return f"The nearest are {named}; name one to run it."


def _latest(steps: Sequence[Step]) -> Mapping[str, Step]:
    return {step.name: step for step in sorted(steps, key=lambda step: step.number) if not step.undo_of}


def _move(situation: Situation) -> Move:
    runbook = situation.runbook
    if runbook is None:
        return Done(reason="There is no runbook to follow.", ok=False)
    latest = _latest(situation.steps)
    for step in _planned(runbook):
        journaled = latest.get(step.name)
        if journaled is None or _never_started(journaled, situation.steps):
            return _next(step, situation)
        if stop := _stop(journaled):
            return Done(reason=stop, ok=False)
    return Done(reason=f"Every step of `{runbook.id}` was tried or passed over.")


def _never_started(step: Step, steps: Sequence[Step]) -> bool:
    tries = sum(other.name == step.name for other in steps)
    return step.status is StepStatus.NOT_HAPPENED and tries < _MAX_TRIES


def _stop(step: Step) -> str:
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


def _recommendations(situation: Situation) -> tuple[str, ...]:
    run, runbook = situation.run, situation.runbook
    if runbook is None:
        return tuple(f"Look at the runbook `{one.id}`: {one.title}." for one in situation.candidates[:3]) or (
            "Write a runbook for this: it is found by its aliases and alert names.",
        )
    advice: list[str] = []
    unknown = [step.name for step in situation.steps if step.status is StepStatus.UNKNOWN]
    advice += [f"Find out whether `{name}` happened, and say so." for name in unknown]
    if run.had_effect and run.verified is not Verified.YES:
        back = [step.name for step in runbook.steps if step.phase is Phase.ROLLBACK]
        advice += [f"Consider the rollback steps of `{runbook.id}`: {', '.join(back)}."] if back else []
    if run.verified is Verified.NO:
        advice.append("The condition is still there: a person has to look.")
    if run.verified is Verified.NOT_MEASURABLE:
        advice.append(f"Give `{runbook.id}` a measure, so that the next run can tell whether it helped.")
    if runbook.owner and run.verified is not Verified.YES:
        advice.append(f"Ask {runbook.owner}, who owns this runbook.")
    return tuple(advice)
