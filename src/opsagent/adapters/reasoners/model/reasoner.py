"""The reasoner with a model: it follows a runbook that fits, and where none does it plans in a model's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from opsagent.adapters.reasoners.following import follow, newest, stops
from opsagent.adapters.reasoners.model.answers import (
    EvaluateAnswer,
    PlanAnswer,
    ProposeAnswer,
    ReflectAnswer,
    ReviseAnswer,
    SummaryAnswer,
)
from opsagent.adapters.reasoners.model.asking import Asking
from opsagent.adapters.reasoners.model.calling import NoAnswer
from opsagent.adapters.reasoners.model.writing import excerpt_of, goals_of, opinion_of, steps_of
from opsagent.adapters.reasoners.runbook import RunbookReasoner
from opsagent.domain.plan import Plan
from opsagent.domain.run import Mode, Usage
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step
from opsagent.ports.reasoner import (
    Done,
    Evaluation,
    Move,
    NeedMore,
    Proposal,
    Reflection,
    Situation,
    Summary,
)

_FREE = Usage()
_LOOKS = frozenset({Phase.TRIAGE, Phase.DIAGNOSIS})


class ModelReasoner:
    """Fulfils `ports.reasoner.Reasoner` over any Thinker. It decides nothing that counts: steps are judged like any."""

    def __init__(self, asking: Asking) -> None:
        self._ask = asking
        self._runbook = RunbookReasoner()

    @property
    def name(self) -> str:
        """How it is called in settings and on the timeline."""
        return self._ask.framework

    async def evaluate(self, situation: Situation) -> tuple[Evaluation, Usage]:
        """A runbook that fits is followed without a question; else the model chooses one, or a mode, or the end."""
        if situation.runbook is not None:
            return await self._runbook.evaluate(situation)
        try:
            answer, spent = await self._ask("evaluate", EvaluateAnswer, situation)
        except NoAnswer as none:
            nearest, _ = await self._runbook.evaluate(situation)
            return Evaluation(mode=Mode.END, reason=f"{_sentence(none)} {nearest.reason}", ok=False), none.usage
        by = self._ask.who(situation, triage=True)
        return Evaluation(
            mode=Mode(answer.mode),
            reason=answer.reason,
            runbook_id=answer.runbook,
            parameters=answer.parameters,
            goals=goals_of(answer),
            skill=answer.skill,
            risk=answer.risk or "",
            opinion=opinion_of(answer, by),
            by=by,
        ), spent

    async def plan(self, situation: Situation) -> tuple[Plan, Usage]:
        """The runbook's steps, else the model's."""
        if situation.runbook is not None:
            return await self._runbook.plan(situation)
        try:
            answer, spent = await self._ask("plan", PlanAnswer, situation)
        except NoAnswer as none:
            return Plan(steps=(), reason=_sentence(none)), none.usage
        by = self._ask.who(situation)
        return Plan(steps=steps_of(answer.steps, situation, by), reason=answer.reason, by=by), spent

    async def propose(self, situation: Situation) -> tuple[Move, Usage]:
        """The next step of the runbook or of the stored plan; in fast mode, one the model thinks of now."""
        if situation.runbook is not None:
            return await self._runbook.propose(situation)
        plan, fast = situation.run.plan, situation.run.resolved_mode is Mode.FAST
        over = Done(reason="Every step of the plan was tried or passed over.")
        move = follow(plan.steps, situation, over=over) if plan else over
        if move is not over or not fast:
            return move, _FREE
        try:
            answer, spent = await self._ask("propose", ProposeAnswer, situation)
        except NoAnswer as none:
            return Done(reason=_sentence(none), ok=False), none.usage
        if answer.move == "read":
            return NeedMore(excerpt=excerpt_of(answer)), spent
        if answer.step is None:
            return Done(reason=answer.reason or "The model has nothing more to do.", ok=answer.ok), spent
        (step,) = steps_of((answer.step,), situation, self._ask.who(situation))
        return Proposal(step=step, why=step.why), spent

    async def reflect(self, situation: Situation, step: Step) -> tuple[Reflection, Usage]:
        """What the model makes of an outcome; in a runbook it may only be more careful than the runbook is."""
        plain, _ = await self._runbook.reflect(situation, step)
        known = situation.runbook is not None or situation.run.resolved_mode is Mode.FAST
        if known and step.phase in _LOOKS:  # what comes next is written, or asked for with this outcome in view
            return plain, _FREE
        about = f"The step named last is step {step.number}, {step.name}. By its expectation: {plain.reason}"
        try:
            answer, spent = await self._ask("reflect", ReflectAnswer, situation, about=about)
        except NoAnswer as none:
            # A runbook goes on without a model; a model's own plan does not go on without money.
            onward = "stop" if none.over and situation.runbook is None else plain.next
            return replace(plain, next=onward, reason=f"{plain.reason} {_sentence(none)}"), none.usage
        reason = f"{plain.reason} In the words of {self._ask.who(situation)}: {answer.reason}"
        onward = answer.next
        if situation.runbook is not None:
            onward = plain.next if onward in {"continue", "revise"} else onward
        elif plain.next == "stop" and onward == "continue":
            onward = "revise"  # a change that did not go as expected is not passed over in silence
        return Reflection(as_expected=plain.as_expected and answer.as_expected, next=onward, reason=reason), spent

    async def revise(self, situation: Situation) -> tuple[Plan | NeedMore | Done, Usage]:
        """The plan with what is done kept and the rest anew; a runbook is not departed from."""
        if situation.runbook is not None or situation.run.plan is None:
            return await self._runbook.revise(situation)
        kept = _kept(situation.run.plan, situation.steps)
        if situation.run.resolved_mode is Mode.FAST:
            return kept, _FREE  # the next question shows what was refused
        about = f"What went wrong: {situation.run.reason}"
        try:
            answer, spent = await self._ask("revise", ReviseAnswer, situation, about=about)
        except NoAnswer as none:
            return Done(reason=_sentence(none), ok=False), none.usage
        if answer.move == "read":
            return NeedMore(excerpt=excerpt_of(answer)), spent
        if answer.move == "stop":
            return Done(reason=f"In the words of {self._ask.who(situation)}: {answer.reason}", ok=False), spent
        by = self._ask.who(situation)
        return Plan(steps=(*kept.steps, *steps_of(answer.steps, situation, by)), reason=answer.reason, by=by), spent

    async def summarise(self, situation: Situation) -> tuple[Summary, Usage]:
        """The facts as without a model, and below them what the model says of them, marked as its words."""
        plain, _ = await self._runbook.summarise(situation)
        if not situation.run.generate_starts:
            return plain, _FREE
        about = f"This is known for certain:\n{plain.text}"
        try:
            answer, spent = await self._ask("summarise", SummaryAnswer, situation, about=about)
        except NoAnswer as none:
            return plain, none.usage
        text = f"{plain.text}\n\nIn the words of {self._ask.who(situation)}: {answer.text}"
        advice = tuple(f"{one} (a model's advice)" for one in answer.recommendations[:3])
        return replace(plain, text=text, recommendations=(*plain.recommendations, *advice)), spent


def _kept(plan: Plan, steps: Sequence[Step]) -> Plan:
    """The plan without what was refused, failed to mend, or never came to its turn."""
    latest = newest(steps)
    return replace(plan, steps=tuple(one for one in plan.steps if one.name in latest and not stops(latest[one.name])))


def _sentence(none: NoAnswer) -> str:
    said = str(none)
    return said[:1].upper() + said[1:]
