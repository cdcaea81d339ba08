from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.visible import one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Grüße, 日本語 🎉", "Grüße, 日本語 🎉"),
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[31m\u202eevil\u200b\udc80", r"\x1b[31m\u202eevil\u200b\udc80"),
        ("one\ntwo\r", "one\\ntwo\\x0d"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\u2028", "\\u2028"),
        ("shop\u3164down", "shop\\u3164down"),
        ("a\u180bb", "a\\u180bb"),
        (7, "7"),
    ],
)
def test_what_hides_is_shown(text: object, shown: str) -> None:
    assert visible(text) == shown


def test_blocks_of_output_keep_their_lines() -> None:
    assert visible("a\n\tb\x00", lines=True) == "a\n    b\\x00"


@given(st.text(alphabet=st.characters(codec=None)), st.booleans())
def test_nothing_that_moves_or_hides_is_left(text: str, lines: bool) -> None:
    left = visible(text, lines=lines)
    hidden = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert not [one for one in left if unicodedata.category(one) in hidden and not (lines and one == "\n")]
    assert visible(left, lines=lines) == left


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("  a \n b  ") == "a b"
    assert one_line("abcdefgh", 5) == "abcd…"
