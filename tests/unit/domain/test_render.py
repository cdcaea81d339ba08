from __future__ import annotations

import shlex

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from opsagent.domain.connection import Connection
from opsagent.domain.render import Values, render, render_plain
from opsagent.domain.runbook import Parameter
from opsagent.domain.text_safety import hidden_character
from opsagent.errors import InputError

ANY = Parameter(name="value", pattern=r"(?s)^.*$")
TARGET = Connection(id="c", tenant="t", name="db", values={"host": "db.example", "odd": "a b"})


def values(value: str) -> Values:
    return Values(declared=(ANY,), parameters={"value": value}, connection=TARGET)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_value_that_passes_is_exactly_one_word(value: str, captured: str) -> None:
    given_values = Values(declared=(ANY,), parameters={"value": value}, captures={"found": captured}, connection=TARGET)
    try:
        rendered = render("grep -F {{value}} {{connection.odd}} {{ found }} | sort", given_values)
    except InputError as refused:
        note(refused.message)
        bad = [text for text in (value, captured) if text.startswith("-") or hidden_character(text)]
        if not (bad and refused.fix):
            raise
        return
    assert shlex.split(rendered.text) == ["grep", "-F", value, "a b", captured, "|", "sort"]
    words = [rendered.text[span.start : span.end] for span in rendered.outside]
    assert [shlex.split(word) for word in words] == [[value], [captured]]
    assert [span.origin for span in rendered.outside] == ["parameter value", "capture found"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty"),
        ("-rf", "begins with `-`"),
        ("a\nb", "cannot be seen"),
        ("a\0b", "cannot be seen"),
        ("a\u202eb", "cannot be seen"),
        ("a\u200bb", "cannot be seen"),
        ("a\x1b[2J", "cannot be seen"),
        ("x" * 5000, "longer"),
    ],
)
def test_a_value_no_word_may_hold_is_refused(value: str, words: str) -> None:
    with pytest.raises(InputError, match="parameter `value`") as refused:
        render("cat {{value}}", values(value))
    assert words in refused.value.message


def test_a_value_must_fit_its_pattern_as_a_whole() -> None:
    narrow = Parameter(name="port", pattern=r"^\d{1,5}$", source="port")
    assert render("kill {{port}}", Values(declared=(narrow,), parameters={"port": "80"})).text == "kill 80"
    with pytest.raises(InputError, match="does not fit"):
        render("kill {{port}}", Values(declared=(narrow,), parameters={"port": "80;rm"}))
    with pytest.raises(InputError, match="has no value") as missing:
        render("kill {{port}}", Values(declared=(narrow,)))
    assert "label `port`" in missing.value.fix


def test_a_default_and_a_connection_value_fill_in() -> None:
    declared = (Parameter(name="service", default="web"),)
    rendered = render("ping {{connection.host}} {{service}}", Values(declared=declared, connection=TARGET))
    assert rendered.text == "ping db.example web"
    assert len(rendered.outside) == 1
    with pytest.raises(InputError, match="`db` has no value `port`"):
        render("ping {{connection.port}}", Values(connection=TARGET))
    with pytest.raises(InputError, match="No connection is chosen"):
        render("ping {{connection.port}}", Values())


def test_a_missing_capture_names_itself() -> None:
    with pytest.raises(InputError, match="`pid` has no value: no step has captured it"):
        render("kill {{pid}}", Values())


def test_a_hole_in_a_wrong_place_is_never_filled() -> None:
    with pytest.raises(InputError, match="inside quotes"):
        render("echo '{{value}}'", values("x"))


def test_a_plain_text_is_the_value_itself() -> None:
    assert render_plain("{{value}}", values("/etc/a b")) == "/etc/a b"
    assert render_plain("/etc/fixed", values("x")) == "/etc/fixed"
    with pytest.raises(InputError, match="mixes"):
        render_plain("/etc/{{value}}", values("x"))
