"""Where a value may stand in an SQL statement, and that it never becomes part of its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.render import Values
from opsagent.domain.statement import render_statement, statement_holes
from opsagent.errors import InputError

FINE = ["select {{x}}", "select * from t where a={{x}} and b in ({{x}}, {{ y }})", ["select {{x}}\n", " {{y}} no\n"][0]]
BAD = [
    "select '{{x}}'",
    'select "{{x}}"',
    "select `{{x}}`",
    "select 1 -- {{x}}",
    "select 1 # {{x}}",
    "select /* {{x}} */ 1",
    "select $$ {{x}} $$",
    "select $a$ {{x}} $a$",
    "select t{{x}}",
    "select {{x}}t",
    "select {{x}}(1)",
    "select 'it\\'s {{x}}'",
    "select 'it''s {{x}}'",
    "select 'never closed {{x}}",
    "select {{x}}::int",
    "select @{{x}}",
]


@pytest.mark.parametrize("text", FINE)
def test_a_value_may_stand_where_a_literal_would(text: str) -> None:
    assert statement_holes(text)
    assert not [hole.problem for hole in statement_holes(text) if hole.problem]


@pytest.mark.parametrize("text", BAD)
def test_and_nowhere_else(text: str) -> None:
    assert [hole for hole in statement_holes(text) if hole.problem]
    with pytest.raises(InputError, match="cannot be filled"):
        render_statement(text, Values(captures={"x": "1"}))


@given(st.text(min_size=1, max_size=40))
def test_the_text_is_never_changed_by_a_value(value: str) -> None:
    text = "select * from t where a = {{x}}"
    try:
        rendered = render_statement(text, Values(captures={"x": value}))
    except InputError:
        return
    assert rendered.text == text
    assert [(one.name, one.value, one.origin) for one in rendered.bound] == [("x", value, "capture x")]
