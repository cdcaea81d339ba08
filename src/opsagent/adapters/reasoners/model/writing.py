"""Turns what a model wrote into the loop's own values; nothing of it gains a right on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from opsagent.adapters.reasoners.model.answers import EvaluateAnswer, ReadingOn, StepAnswer
from opsagent.domain.plan import Excerpt, Subtask
from opsagent.domain.runbook import Expect, Phase, RunbookStep, Undo
from opsagent.domain.ticket import Evidence
from opsagent.ports.reasoner import Situation

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_HOLE = re.compile(r"\{\{(\w+)\}\}")
_NUMBERED = re.compile(r"[0-9]{1,6}-")
_NAME_CHARS = 30
_SEVERAL = 2
_OPINION_WEIGHT = {"real": 0.5, "noise": -0.5, "unclear": 0.0}  # `domain/scoring.py` takes no more than 0.5


def steps_of(answers: Sequence[StepAnswer], situation: Situation, by: str) -> tuple[RunbookStep, ...]:
    """Steps as the loop takes them, each with a name no other step of the run has."""
    used = {step.name for step in situation.steps}
    used |= {step.name for step in situation.run.plan.steps} if situation.run.plan else set()
    last = max((int(name.partition("-")[0]) for name in used if _NUMBERED.match(name)), default=0)
    return tuple(
        step for place, one in enumerate(answers, start=1) for step in _steps(one, last + place, situation, by)
    )


def goals_of(answer: EvaluateAnswer) -> tuple[Subtask, ...]:
    """The goals of a task that has several; each builds on earlier ones only, so that none waits for itself."""
    if len(answer.goals) < _SEVERAL:
        return ()
    return tuple(
        Subtask(
            task=one.task,
            after=tuple(sorted({before for before in one.after if before < place})),
            changes=one.kind == "change",
        )
        for place, one in enumerate(answer.goals)
    )


def excerpt_of(answer: ReadingOn) -> Excerpt:
    """The stretch a model asks for."""
    return Excerpt(step=answer.of_step, start=answer.start, end=answer.end)


def opinion_of(answer: EvaluateAnswer, by: str) -> Evidence | None:
    """What the model thinks of the problem, as the weakest kind of evidence; None where it has no opinion."""
    weight = _OPINION_WEIGHT[answer.opinion]
    if not weight:
        return None
    return Evidence(kind="opinion", text=f"{by} thinks it is {answer.opinion}: {answer.reason}", weight=weight)


def _steps(answer: StepAnswer, number: int, situation: Situation, by: str) -> tuple[RunbookStep, ...]:
    if answer.change is None:
        return (_step(answer, number, situation, by),)
    wanted = answer.connection or situation.run.connection
    scratch = next((one.name for one in situation.connections if one.is_scratch), "")
    check_on = scratch if answer.change.tool == "git_pr" else answer.connection or scratch
    return tuple(_numbered(step, number, by) for step in answer.change.steps(wanted, check_on))


def _numbered(step: RunbookStep, number: int, by: str) -> RunbookStep:
    """A tool's step, with names that no other step and no other use of the tool has, as the model's proposal.

    What stands between double braces is the tool's own: it writes a model's braces so that they are none.
    """
    text = _HOLE.sub(lambda hole: f"{{{{{hole.group(1)}_{number}}}}}", step.text)
    return replace(
        step,
        name=f"{number}-{step.name}",
        text=text,
        captures={f"{name}_{number}": pattern for name, pattern in step.captures.items()},
        when=tuple(replace(one, step=f"{number}-{one.step}") for one in step.when),
        author=by,
    )


def _step(answer: StepAnswer, number: int, situation: Situation, by: str) -> RunbookStep:
    wanted = answer.connection or situation.run.connection
    language = next((one.language for one in situation.connections if one.name == wanted), "shell")
    slug = _NOT_IN_A_NAME.sub("-", answer.name.lower())[:_NAME_CHARS].strip("-")
    return RunbookStep(
        name=f"{number}-{slug}" if slug else f"{number}-step",
        phase=Phase.MITIGATION if answer.kind == "change" else Phase.DIAGNOSIS,
        text=answer.command.strip(),
        line=0,
        executor=language,
        connection=answer.connection,
        why=answer.why,
        expect=Expect(
            exit_codes=answer.expect_exit_codes,
            matches=re.escape(answer.expect_contains),
            absent=re.escape(answer.expect_absent),
        ),
        timeout_s=answer.timeout_seconds,
        undo=Undo(text=answer.undo.strip()) if answer.undo.strip() else None,
        author=by,
    )
