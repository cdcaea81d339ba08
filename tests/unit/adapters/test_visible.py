from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Grüße, 日本語 🎉", "Grüße, 日本語 🎉"),
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("one\ntwo\r", "one\\ntwo\\x0d"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_hides_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_blocks_of_output_keep_their_lines() -> None:
    assert visible("a\n\tb\x00", lines=True) == "a\n\tb\\x00"


@given(st.text(alphabet=st.characters(codec=None)))
def test_nothing_hidden_is_left(text: str) -> None:
    left = visible(text)
    assert not [one for one in left if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [
        one for one in left if unicodedata.bidirectional(one) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}
    ]
    assert visible(left) == left
