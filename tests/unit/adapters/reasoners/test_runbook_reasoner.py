from __future__ import annotations

from dataclasses import replace

import pytest

from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.adapters.reasoners.runbook import RunbookReasoner
from opsagent.domain.command import Command
from opsagent.domain.outcome import Outcome
from opsagent.domain.run import Mode, Run, Source, Verified
from opsagent.domain.step import Step, StepStatus
from opsagent.ports.reasoner import Done, Proposal, Reasoner, Situation, Skip

SOURCE = """---
id: web
title: The web is down
owner: team-web
parameters: {service: {pattern: '^[a-z]+$'}, extra: {pattern: '^[a-z]+$'}}
---
## Fix
Start it.
```sh name=start when="check failed"
systemctl start {{service}}
```
```sh name=kill when="check failed"
kill {{pid}}
```
```sh name=tidy
ls {{extra}}
```
## Diagnosis
```sh name=check capture=pid:^pid=(\\d+)$
check
```
```sh name=logs
tail log
```
## Verify
```sh name=after
check
```
## Rollback
```sh name=back
undo
```
"""
RUNBOOK = parse_runbook(SOURCE, path="web.md")
ONE = parse_runbook("---\nid: one\n---\n## Fix\n```sh\nls\n```\n", path="one.md")
PAGE = parse_runbook("# Page\n## Fix\n```sh\nls\n```\n", path="page.md")
REASONER = RunbookReasoner()
RUN = Run(
    id="r", tenant="t", source=Source.API, task="web is down", created_at=1.0, updated_at=1.0, requested_by="u",
    parameters={"service": "web"},
)  # fmt: skip


def situation(*steps: Step, run: Run = RUN, **more: object) -> Situation:
    fields = {"runbook": RUNBOOK, **more}
    return Situation(run=run, steps=steps, **fields)  # type: ignore[arg-type] - free keywords of a test


def journaled(name: str, status: StepStatus, number: int = 1, stdout: str = "", exit_code: int = 0) -> Step:
    template = RUNBOOK.step(name)
    return Step(
        id=f"r.{number}", run_id="r", tenant="t", number=number, name=name, phase=template.phase,
        expect=template.expect, command=Command(executor="shell", text=template.text, connection_id="c"), status=status,
        outcome=Outcome(exit_code=exit_code, stdout=stdout),
    )  # fmt: skip


def test_it_is_a_reasoner() -> None:
    reasoner: Reasoner = REASONER
    assert reasoner.name == "runbook"


@pytest.mark.parametrize(
    ("runbook", "asked", "mode", "words"),
    [
        (RUNBOOK, Mode.AUTO, Mode.PLAN, "2 steps to look, 3 to mend"),
        (RUNBOOK, Mode.FAST, Mode.FAST, "`web`"),
        (ONE, Mode.AUTO, Mode.FAST, "0 steps to look, 1 to mend"),
        (PAGE, Mode.AUTO, Mode.END, "never runs by itself"),
        (replace(ONE, steps=()), Mode.AUTO, Mode.END, "no step"),
        (None, Mode.AUTO, Mode.END, "The nearest are `one` (one), `page` (Page)"),
    ],
)
async def test_it_decides_the_way_and_says_why(runbook: object, asked: Mode, mode: Mode, words: str) -> None:
    asked_run = replace(RUN, mode=asked)
    evaluation, usage = await REASONER.evaluate(situation(run=asked_run, runbook=runbook, candidates=(ONE, PAGE)))
    assert evaluation.mode is mode
    assert words in evaluation.reason
    assert usage.input_tokens == 0


async def test_nothing_similar_is_said() -> None:
    evaluation, _ = await REASONER.evaluate(situation(runbook=None))
    assert "Nothing similar" in evaluation.reason


async def test_the_plan_is_diagnosis_then_mitigation() -> None:
    plan, _ = await REASONER.plan(situation())
    assert [step.name for step in plan.steps] == ["check", "logs", "start", "kill", "tidy"]
    assert (await REASONER.plan(situation(runbook=None)))[0].steps == ()


async def follow(*outcomes: tuple[str, StepStatus], run: Run = RUN) -> object:
    steps = [journaled(name, status, number) for number, (name, status) in enumerate(outcomes, start=1)]
    return (await REASONER.propose(situation(*steps, run=run)))[0]


async def test_it_walks_through_the_runbook() -> None:
    first = await follow()
    assert isinstance(first, Proposal)
    assert first.step.name == "check"
    second = await follow(("check", StepStatus.FAILED))
    assert isinstance(second, Proposal), "a failed diagnosis is information"
    third = await follow(("check", StepStatus.FAILED), ("logs", StepStatus.SUCCEEDED))
    assert isinstance(third, Proposal)
    assert (third.step.name, third.why) == ("start", "Start it.")


async def test_a_condition_that_does_not_hold_is_passed_over() -> None:
    move = await follow(("check", StepStatus.SUCCEEDED), ("logs", StepStatus.SUCCEEDED))
    assert isinstance(move, Skip)
    assert (move.step.name, move.why) == ("start", "Passed over: it runs only when check failed.")


async def test_a_value_nobody_has_is_passed_over() -> None:
    looked = (("check", StepStatus.FAILED), ("logs", StepStatus.SUCCEEDED), ("start", StepStatus.SUCCEEDED))
    move = await follow(*looked)
    assert isinstance(move, Skip)
    assert move.why == "Passed over: no step before it found `pid`."
    found = await follow(*looked, run=replace(RUN, captures={"pid": "7"}))
    assert isinstance(found, Proposal)
    last = await follow(*looked, ("kill", StepStatus.SKIPPED))
    assert isinstance(last, Skip)
    assert last.why == "Passed over: it needs `extra`, which was not given."


async def test_it_ends_when_all_is_tried() -> None:
    names = ["check", "logs", "start", "kill", "tidy"]
    move = await follow(*[(name, StepStatus.SUCCEEDED) for name in names])
    assert isinstance(move, Done)
    assert move.ok


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("start", StepStatus.FAILED, "did not go as expected"),
        ("start", StepStatus.UNKNOWN, "a person has to look"),
        ("start", StepStatus.ABORTED, "given up"),
        ("start", StepStatus.UNDONE, "taken back"),
        ("start", StepStatus.REFUSED, "was refused"),
        ("logs", StepStatus.REFUSED, "was refused"),
    ],
)
async def test_what_stops_it(name: str, status: StepStatus, words: str) -> None:
    order = ["check", "logs", "start"]
    before = [(other, StepStatus.FAILED) for other in order[: order.index(name)]]
    move = await follow(*before, (name, status))
    assert isinstance(move, Done)
    assert not move.ok
    assert words in move.reason


async def test_a_step_that_never_started_is_tried_again_but_not_for_ever() -> None:
    again = await follow(("check", StepStatus.NOT_HAPPENED))
    assert isinstance(again, Proposal)
    given_up = await follow(*[("check", StepStatus.NOT_HAPPENED)] * 3)
    assert isinstance(given_up, Done)
    assert not given_up.ok


async def test_an_undo_does_not_count_as_its_step() -> None:
    undo = replace(journaled("start", StepStatus.SUCCEEDED, 3), undo_of="r.2")
    steps = (journaled("check", StepStatus.FAILED), journaled("logs", StepStatus.SUCCEEDED, 2), undo)
    move, _ = await REASONER.propose(situation(*steps))
    assert isinstance(move, Proposal)
    assert move.step.name == "start"


@pytest.mark.parametrize(
    ("name", "exit_code", "as_expected", "after", "words"),
    [
        ("check", 0, True, "continue", "exit code as expected"),
        ("check", 1, False, "continue", "That is information"),
        ("start", 1, False, "stop", "did not help: exit code 1, expected 0"),
    ],
)
async def test_it_reflects(name: str, exit_code: int, as_expected: bool, after: str, words: str) -> None:
    status = StepStatus.SUCCEEDED if exit_code == 0 else StepStatus.FAILED
    reflection, _ = await REASONER.reflect(situation(), journaled(name, status, exit_code=exit_code))
    assert (reflection.as_expected, reflection.next) == (as_expected, after)
    assert words in reflection.reason


async def test_a_step_that_failed_for_its_capture_is_not_as_expected() -> None:
    reflection, _ = await REASONER.reflect(situation(), journaled("check", StepStatus.FAILED))
    assert not reflection.as_expected
    without = replace(journaled("check", StepStatus.UNKNOWN), outcome=None)
    assert (await REASONER.reflect(situation(), without))[0].next == "stop"


async def test_the_summary_can_be_read_at_three_in_the_morning() -> None:
    steps = (
        journaled("check", StepStatus.FAILED, 1, exit_code=1),
        journaled("logs", StepStatus.SUCCEEDED, 2, stdout="\nout of   files\n"),
        journaled("start", StepStatus.SUCCEEDED, 3),
    )
    run = replace(RUN, verified=Verified.NO, had_effect=True, captures={"pid": "7"}, reason="still down")
    summary, _ = await REASONER.summarise(situation(*steps, run=run))
    assert summary.text == (
        "The web is down (`web`)\n"
        "Found:\n- check: not as expected (exit code 1, expected 0)\n- logs: out of files\n"
        "Done:\n- start: done\n"
        "Measured afterwards: NOT healthy.\n"
        "Why it ended: still down"
    )
    assert summary.recommendations == (
        "Consider the rollback steps of `web`: back.",
        "The condition is still there: a person has to look.",
        "Ask team-web, who owns this runbook.",
    )
    assert summary.values == {"pid": "7"}


async def test_without_a_runbook_the_nearest_are_recommended() -> None:
    summary, _ = await REASONER.summarise(situation(runbook=None, candidates=(ONE,)))
    assert summary.text.startswith("Task: web is down\nDone: nothing was changed.")
    assert summary.recommendations == ("Look at the runbook `one`: one.",)
    empty, _ = await REASONER.summarise(situation(runbook=None))
    assert "aliases" in empty.recommendations[0]


async def test_an_unknown_effect_is_the_first_thing_to_find_out() -> None:
    summary, _ = await REASONER.summarise(situation(journaled("start", StepStatus.UNKNOWN)))
    assert summary.recommendations[0] == "Find out whether `start` happened, and say so."
