from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.pattern import refusal

FINE = [
    r"\s([0-9]|[1-8][0-9])%\s",
    r"^\S+\s+\d+\s+9\d%",
    r"^/[A-Za-z0-9._/-]{0,200}$",
    r"error.*timeout",
    r"^a.*b.*$",
    r"(?:ab)*c",
    r"(\.[0-9]+)?x",
    r"[)+*(]+",
    r"\(a\)+",
    r"x{0,20}y{0,20}z{0,20}",
    r"(?<=x)y",
]
REFUSED = {
    "": "empty",
    "a" * 501: "501 characters",
    "(a": "does not compile",
    "(a+)+": "repeats a group",
    "(a|b)*": "repeats a group",
    "(a?)*": "repeats a group",
    "((a|b)c)+": "repeats a group",
    "(x{1,3})*": "repeats a group",
    r"(a)\1": "refers back",
    "a.*b.*c": "2 times",
    "^a.*b.*c.*": "3 times",
    r"\w+\w+": "2 times",
    "^a.*|b.*c.*": "3 times",
    "[[a]": "does not compile",
}


@pytest.mark.parametrize("pattern", FINE)
def test_short_and_tight_patterns_are_fine(pattern: str) -> None:
    assert refusal(pattern) == ""


@pytest.mark.parametrize(("pattern", "words"), REFUSED.items())
def test_others_are_refused_with_their_reason(pattern: str, words: str) -> None:
    assert words in refusal(pattern)


@pytest.mark.parametrize("pattern", [r"^pid=(\d+)$", r"^(\S+) is$", r"^([^ ]+)$"])
def test_an_anchored_pattern_with_one_group_captures(pattern: str) -> None:
    assert refusal(pattern, anchored=True) == ""


@pytest.mark.parametrize("pattern", [r"pid=(\d+)$", r"^pid=(\d+)", r"^pid=(\d+)\$", "^a|(b)$", "^a$", "^(a)(b)$"])
def test_a_capture_must_be_anchored_with_one_group(pattern: str) -> None:
    assert refusal(pattern, anchored=True)


@given(st.text(alphabet="ab()[]{}|*+?^$\\.,0123-:=!<>P_", max_size=20))
def test_it_never_raises_and_accepts_only_what_compiles(pattern: str) -> None:
    if not refusal(pattern):
        re.compile(pattern)
