from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.reasoners.model.answers import (
    Answer,
    EvaluateAnswer,
    PlanAnswer,
    ProposeAnswer,
    ReflectAnswer,
    ReviseAnswer,
    SummaryAnswer,
    parse,
)
from opsagent.adapters.reasoners.model.asking import prompt_file

SHAPES: list[type[Answer]] = [
    EvaluateAnswer,
    PlanAnswer,
    ProposeAnswer,
    ReflectAnswer,
    ReviseAnswer,
    SummaryAnswer,
]
PROMPTS = ["system", "evaluate", "plan", "propose", "reflect", "revise", "summarise"]


@pytest.mark.parametrize(
    "text",
    [
        '{"mode": "end", "reason": "no"}',
        '```json\n{"mode": "end", "reason": "no"}\n```',
        'Sure! Here it is: {"mode": "end", "reason": "no", "more": {"a": 1}} Good luck.',
    ],
)
def test_an_object_is_found_among_words(text: str) -> None:
    assert parse(EvaluateAnswer, text).reason == "no"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no JSON object"),
        ("} {", "holds no JSON object"),
        ("{" * 50_000, "holds no JSON object"),
        ("x" * 70_000, "longer than"),
        ('{"mode": "end"}', "reason: Field required"),
        ('{"mode": "sudo", "reason": ""}', "mode: Input should be"),
        ('{"mode": "end", "reason": "\\ud800"}', "(surrogate|hex escape)"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "recursion limit"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(EvaluateAnswer, text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"command": ""}, "either a `command` or a `change`"),
        ({"command": "x" * 5000}, "at most 4000"),
        ({"command": "a\x00b"}, "NUL"),
        ({"timeout_seconds": 1e9}, "less than or equal to 600"),
        ({"timeout_seconds": float("nan")}, "finite number"),
        ({"expect_exit_codes": []}, "at least 1 item"),
        ({"kind": "both"}, "kind"),
    ],
)
def test_a_step_has_limits(change: dict[str, object], words: str) -> None:
    step = {"command": "ls"} | change
    with pytest.raises(ValueError, match=words):
        parse(PlanAnswer, json.dumps({"reason": "", "steps": [step]}))


def test_a_move_brings_what_it_speaks_of() -> None:
    with pytest.raises(ValueError, match="there is no step"):
        parse(ProposeAnswer, '{"move": "step"}')
    with pytest.raises(ValueError, match="there are no steps"):
        parse(ReviseAnswer, '{"move": "plan"}')


def test_words_are_one_line_without_anything_hidden() -> None:
    answer = parse(
        ReflectAnswer, json.dumps({"as_expected": True, "next": "stop", "reason": "a\n\x1b[2J\u202eb" + "c" * 9000})
    )
    assert answer.reason.startswith("a \\x1b[2J\\u202ebc")
    assert len(answer.reason) <= 600


def refused_or_taken(shape: type[Answer], text: str) -> None:
    """Whatever it is, the only error is a short one in words."""
    told = ""
    try:
        parse(shape, text)
    except ValueError as error:
        told = str(error)
    assert len(told) <= 700


@given(st.sampled_from(SHAPES), st.text())
def test_no_text_is_more_than_refused(shape: type[Answer], text: str) -> None:
    refused_or_taken(shape, text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
_NAMES = st.sampled_from(
    ["mode", "reason", "steps", "move", "step", "next", "as_expected", "text", "of_step", "start", "command"]
)


@given(st.sampled_from(SHAPES), st.dictionaries(_NAMES, _JSON, max_size=6))
def test_no_object_is_more_than_refused(shape: type[Answer], given_: dict[str, object]) -> None:
    refused_or_taken(shape, json.dumps(given_))


@pytest.mark.parametrize("name", PROMPTS)
def test_each_prompt_has_a_version_and_is_small(name: str) -> None:
    version, words = prompt_file(name)
    assert version >= 1
    assert 0 < len(words) < 2000
    assert "{" not in words  # nothing is filled in: what is outside is fenced, never woven into our words
