"""The reasoner with no model: it follows a runbook step by step, and says so when there is none to follow."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.adapters.reasoners.following import follow
from opsagent.adapters.reasoners.wording import summary_text
from opsagent.domain.expectation import met
from opsagent.domain.plan import Plan
from opsagent.domain.run import Mode, Usage, Verified
from opsagent.domain.runbook import Phase, Runbook, RunbookStep
from opsagent.domain.step import Step, StepStatus
from opsagent.ports.reasoner import Done, Evaluation, Move, NeedMore, Reflection, Situation, Summary

_PLANNED = (Phase.TRIAGE, Phase.DIAGNOSIS, Phase.MITIGATION)
_FREE = Usage()


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
        runbook = situation.runbook
        if runbook is None:
            return Done(reason="There is no runbook to follow.", ok=False), _FREE
        tried = f"Every step of `{runbook.id}` was tried or passed over."
        return follow(_planned(runbook), situation, over=Done(reason=tried)), _FREE

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
        ok, reason = met(step)
        if step.status is StepStatus.FAILED and ok:  # it was judged before, with more in hand (a capture that failed)
            ok, reason = False, step.outcome.note or "its output could not be used"
        if ok:
            return Reflection(as_expected=True, next="continue", reason=f"`{step.name}`: {reason}."), _FREE
        if step.phase is Phase.MITIGATION:
            return Reflection(as_expected=False, next="stop", reason=f"`{step.name}` did not help: {reason}."), _FREE
        return Reflection(
            as_expected=False, next="continue", reason=f"`{step.name}`: {reason}. That is information; going on."
        ), _FREE

    async def revise(
        self,
        situation: Situation,  # noqa: ARG002 - the port's signature; a runbook knows no other way than its own
    ) -> tuple[Plan | NeedMore | Done, Usage]:
        """Nothing: what people wrote is not departed from."""
        return Done(reason="Nothing else to try.", ok=False), _FREE

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
