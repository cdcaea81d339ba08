from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from opsagent.cli.visible import one_line, visible


@given(st.text())
def test_nothing_that_moves_or_hides_is_left(text: str) -> None:
    assert not [one for one in visible(text) if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_escapes_say_which_character_it_was() -> None:
    assert visible("\x1b[31m\u202eevil\u200b\udc80") == r"\x1b[31m\u202eevil\u200b\udc80"


def test_lines_are_kept_only_where_wanted() -> None:
    assert visible("a\n\tb", lines=True) == "a\n    b"
    assert visible("a\nb") == r"a\x0ab"


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("  a \n b  ") == "a b"
    assert one_line("abcdefgh", 5) == "abcd…"
