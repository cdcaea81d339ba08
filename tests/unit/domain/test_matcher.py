"""Conditions on labels, in Alertmanager's spelling."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsagent.domain.matcher import MatchKind, all_hold, read_matcher
from opsagent.errors import InputError


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        ('service="shop"', {"service": "shop"}, True),
        ("service=shop", {"service": "shop"}, True),
        ('service="shop"', {}, False),
        ('service=""', {}, True),
        ('service!="shop"', {}, True),
        ('service!="shop"', {"service": "shop"}, False),
        ('severity=~"critical|page"', {"severity": "page"}, True),
        ('severity=~"critical|page"', {"severity": "paged"}, False),
        ('severity=~"critical|page"', {"severity": "page\n"}, False),
        ('severity!~"critical|page"', {"severity": "info"}, True),
        ('severity!~"critical|page"', {}, True),
        ('severity=~"crit.*"', {"severity": "critical"}, True),
        (r'title="a \"b\" \\c"', {"title": 'a "b" \\c'}, True),
        ('title="a=b"', {"title": "a=b"}, True),
        ('title=~"x.*"', {"title": "x" * 5000}, False),
    ],
)
def test_what_holds(text: str, labels: dict[str, str], holds: bool) -> None:
    assert read_matcher(text).holds(labels) is holds


@pytest.mark.parametrize(
    "text", ["", "service", '="x"', 'a b="c"', 'service="x', 'a=~"(a+)+"', 'a=~"["', 'a=~"a.*b.*c"']
)
def test_what_is_refused_in_words(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_matcher(text)
    assert caught.value.fix


def test_all_must_hold() -> None:
    both = [read_matcher('a="1"'), read_matcher('b!="2"')]
    assert all_hold(both, {"a": "1"})
    assert not all_hold(both, {"a": "1", "b": "2"})
    assert all_hold([], {})


@example("a=b")
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        matcher = read_matcher(text)
    except InputError:
        return
    assert matcher.kind in set(MatchKind)
    assert matcher.holds({}) in {True, False}


@given(st.text(), st.text(alphabet=st.characters(exclude_characters='"\\', exclude_categories=["Cs"])))
def test_equal_and_not_equal_are_opposites(found: str, wanted: str) -> None:
    labels = {"x": found}
    assert read_matcher(f'x="{wanted}"').holds(labels) is not read_matcher(f'x!="{wanted}"').holds(labels)
    assert read_matcher(f'x="{wanted}"').holds({"x": wanted})
    assert not re.search(r"\d", read_matcher('x="y"').label)
