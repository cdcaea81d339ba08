"""Calls of tools as text: one meaning each, and values that never leave their place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.render import Values
from opsagent.domain.runbook import Parameter
from opsagent.domain.tool_call import (
    MAX_CALL_CHARS,
    ToolCall,
    parse_tool_call,
    render_tool_call,
    tool_call_holes,
    tool_call_problem,
)
from opsagent.errors import InputError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("list_pods", ToolCall(tool="list_pods")),
        ("  list_pods {}\n", ToolCall(tool="list_pods")),
        ('a/b.c-d {"x": 1}', ToolCall(tool="a/b.c-d", arguments={"x": 1})),
        ('restart\n{\n  "n": "web",\n  "f": false\n}\n', ToolCall(tool="restart", arguments={"n": "web", "f": False})),
    ],
)  # fmt: skip
def test_a_call_is_a_name_and_an_object(text: str, call: ToolCall) -> None:
    assert parse_tool_call(text) == call


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin"),
        ('{"x": 1}', "does not begin"),
        ("two words", "no JSON"),
        ("tool [1]", "no JSON object"),
        ('tool {"x": 1', "no JSON"),
        ('tool {"x": 1} {"y": 2}', "no JSON"),
        ('tool {"x": 1, "x": 2}', "stands twice"),
        ('tool {"a": {"x": 1, "x": 2}}', "stands twice"),
        ('tool {"x": NaN}', "NaN"),
        ('tool {"x": 1e999}', "too large"),
        ('tool {"x": "\u202e"}', "cannot be seen"),
        ("tool\x00", "cannot be seen"),
        (f"tool {'[' * 30_000}", "nested too deeply"),
        (f'tool {{"x": "{"y" * MAX_CALL_CHARS}"}}', "characters"),
        ("tool;rm {}", "does not begin"),
    ],
)
def test_what_could_be_two_things_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_tool_call(text)


@given(arguments=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_the_canonical_text_stands_for_exactly_those_arguments(arguments: dict[str, object]) -> None:
    packed = ToolCall(tool="t", arguments=arguments).canonical
    assert packed.isascii()
    assert json.loads(packed) == arguments
    assert ToolCall(tool="t", arguments=json.loads(packed)).canonical == packed
    shuffled = dict(reversed(list(arguments.items())))
    assert ToolCall(tool="t", arguments=shuffled).canonical == packed


def values(**given: str) -> Values:
    return Values(declared=[Parameter(name=name, pattern=r"(?s)^.*$") for name in given], parameters=given)


@given(pod=st.text(min_size=1, max_size=30), count=st.integers())
def test_a_value_is_a_whole_text_or_number_and_nothing_else(pod: str, count: int) -> None:
    text = 'scale {"pod": "{{pod}}", "count": {{count}}, "dry": true}'
    try:
        rendered = render_tool_call(text, values(pod=pod, count=str(count)))
    except InputError:
        return  # a value no command may hold: too long, or with a character that cannot be seen
    assert parse_tool_call(rendered.text).arguments == {"pod": pod, "count": count, "dry": True}
    shown = [rendered.text[span.start : span.end] for span in rendered.outside]
    assert [json.loads(f'"{shown[0]}"'), int(shown[1])] == [pod, count]
    assert [span.origin for span in rendered.outside] == ["parameter pod", "parameter count"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{{tool}} {"x": 1}', "the name of the tool"),
        ('t_{{tool}} {"x": 1}', "the name of the tool"),
        ('tool {"{{name}}": 1}', "a name of the JSON body"),
        ('tool {"x": "web-{{name}}"}', "only a part of a text"),
        ('tool {"x": "{{name}} "}', "only a part of a text"),
        ('tool {"x": 1{{name}}}', "glued"),
        ("tool {{arguments}}", ""),
    ],
)
def test_a_hole_in_another_place_is_said_and_never_filled(text: str, problem: str) -> None:
    (hole,) = tool_call_holes(text)
    assert problem in hole.problem
    with pytest.raises(InputError):
        render_tool_call(text, values(**{hole.name: "x"}))


def test_a_number_must_be_one() -> None:
    with pytest.raises(InputError, match="no JSON number"):
        render_tool_call('scale {"count": {{count}}}', values(count='1, "force": true'))


def test_a_template_is_read_before_its_values_are_known() -> None:
    assert tool_call_problem('scale {"pod": "{{pod}}", "count": {{count}}}') == ""
    assert "no JSON" in tool_call_problem('scale {"pod": "{{pod}}"')
