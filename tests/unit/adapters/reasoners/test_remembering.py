"""Remembered answers: the same question of the same tenant only, for a while, and not too many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.adapters.reasoners.model.remembering import Remembering
from opsagent.adapters.reasoners.thinking import Prompt

PROMPT = Prompt(
    name="plan",
    system="You plan.",
    user="<<< data 0123456789ab: the task\nx\n>>> end 0123456789ab",
    schema={"type": "object"},
    model="openai:m",
)


def test_it_is_found_in_another_run_whose_fence_has_another_mark() -> None:
    memory = Remembering(clock=ManualClock(), keep_s=60)
    memory.keep("acme", PROMPT, "the answer")
    assert memory.find("acme", PROMPT) == "the answer"
    assert (
        memory.find("acme", replace(PROMPT, user=PROMPT.user.replace("0123456789ab", "ba9876543210"))) == "the answer"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": "propose"},
        {"system": "You decide."},
        {"user": PROMPT.user.replace("\nx\n", "\ny\n")},
        {"schema": {}},
        {"model": "openai:n"},
        {"output_tokens": 1},
    ],
)
def test_anything_else_in_the_question_is_another_question(change: dict[str, object]) -> None:
    memory = Remembering(clock=ManualClock(), keep_s=60)
    memory.keep("acme", PROMPT, "the answer")
    assert memory.find("acme", replace(PROMPT, **change)) is None  # type: ignore[arg-type]  # fields by name


def test_another_tenant_finds_nothing_and_after_its_time_nobody_does() -> None:
    clock = ManualClock()
    memory = Remembering(clock=clock, keep_s=60)
    memory.keep("acme", PROMPT, "the answer")
    assert memory.find("other", PROMPT) is None
    clock.move(60)
    assert memory.find("acme", PROMPT) is None


def test_switched_off_it_keeps_nothing() -> None:
    memory = Remembering(clock=ManualClock(), keep_s=0)
    memory.keep("acme", PROMPT, "the answer")
    assert memory.find("acme", PROMPT) is None


def test_the_one_not_asked_for_longest_goes() -> None:
    memory = Remembering(clock=ManualClock(), keep_s=60, most=2)
    for number in range(2):
        memory.keep("acme", replace(PROMPT, system=str(number)), str(number))
    assert memory.find("acme", replace(PROMPT, system="0")) == "0"
    memory.keep("acme", replace(PROMPT, system="2"), "2")
    assert [memory.find("acme", replace(PROMPT, system=str(number))) for number in range(3)] == ["0", None, "2"]
