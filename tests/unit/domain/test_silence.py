"""Matchers read as Alertmanager's do, and cost little whatever they are tried on."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.connection import Connection
from opsagent.domain.freeze import Freeze
from opsagent.domain.matcher import MAX_VALUE_CHARS, Matcher, MatchKind, read_matcher
from opsagent.domain.silence import Silence, check_matchers
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import InputError


def signal(**labels: str) -> Signal:
    return Signal(
        id="s",
        tenant="acme",
        source="alertmanager",
        fingerprint="f",
        name="DiskFull",
        status=SignalStatus.FIRING,
        delivery="d",
        environment="prod",
        labels=labels,
    )


def silence(*matchers: str) -> Silence:
    read = tuple(read_matcher(one) for one in matchers)
    return Silence(id="q", tenant="acme", matchers=read, starts_at=10, ends_at=20, comment="c", by="ada")


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [
        ("service=shop", True),
        ('service="shop"', True),
        ("service = shop", True),
        ("service=sho", False),
        ("service!=shop", False),
        ("service!=other", True),
        ("service=~sho", False),  # the whole value
        ("service=~sho.", True),
        ('service=~"shop|till"', True),
        ("service!~till|desk", True),
        ("service!~s.*", False),
        ("alertname=DiskFull", True),
        ("name=DiskFull", True),
        ("source=alertmanager", True),
        ("environment=~pr.*", True),
        ("team=", True),  # a label it does not have is empty
        ("team!=x", True),
        ("team=~x?", True),
        ('service="shop""', False),
        ("service=~(?i)SHOP", True),
    ],
)
def test_a_matcher_holds_or_not(matcher: str, holds: bool) -> None:
    assert silence(matcher).holds(signal(service="shop"), 10) is holds


def test_a_signals_own_label_stands_before_what_is_made_up() -> None:
    assert silence("source=disk").holds(signal(source="disk"), 10)


def test_all_matchers_must_hold_within_the_time() -> None:
    both = silence("service=shop", "severity=low")
    assert both.holds(signal(service="shop", severity="low"), 19.9)
    assert not both.holds(signal(service="shop", severity="high"), 15)
    for outside in (9.9, 20.0):
        assert not both.holds(signal(service="shop", severity="low"), outside)


@pytest.mark.parametrize(
    "text", ["", "service", "=shop", "a b=c", "service~shop", "service=~(", "service=~(a+)+$", "service=~\\1", "1=2"]
)
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_matcher(text)
    assert caught.value.fix


@pytest.mark.parametrize("several", [[], ["team!=x"], ["service=~.*"], ["team="], ["service!~x", "team!=y"]])
def test_what_would_silence_nearly_everything_is_refused(several: list[str]) -> None:
    with pytest.raises(InputError):
        check_matchers([read_matcher(one) for one in several])
    check_matchers([read_matcher(one) for one in [*several, "service=shop"]])


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)


@given(names, st.sampled_from(MatchKind), st.text(max_size=50))
def test_what_is_written_is_read_back(label: str, kind: MatchKind, value: str) -> None:
    matcher = Matcher(label=label, kind=kind, value=value)
    try:
        matcher.check()
    except InputError:
        return
    assert read_matcher(str(matcher)) == matcher


@given(st.text(max_size=60))
def test_any_text_is_a_matcher_or_an_input_error(text: str) -> None:
    try:
        matcher = read_matcher(text)
    except InputError:
        return
    assert matcher.holds({matcher.label: "x"}) in (True, False)


def test_a_pattern_costs_little_on_the_worst_value() -> None:
    matcher = read_matcher("service=~^a.*b.*c")
    begun = time.perf_counter()
    assert not matcher.holds({"service": "ab" * (MAX_VALUE_CHARS // 2)})
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("kind", ["=~", "!~"])
def test_what_is_too_long_for_a_pattern_is_not_silenced(kind: str) -> None:
    assert not read_matcher(f"service{kind}x").holds({"service": "y" * (MAX_VALUE_CHARS + 1)})


def test_a_freeze_by_labels_holds_where_a_target_has_all_of_them() -> None:
    freeze = Freeze(
        id="z", tenant="acme", starts_at=0, ends_at=9, reason="r", by="ada", labels={"tier": "db", "site": "a"}
    )

    def target(**labels: str) -> Connection:
        return Connection(id="c", tenant="acme", name="db-1", labels=labels)

    assert freeze.holds(target(tier="db", site="a", more="x"), 1)
    assert not freeze.holds(target(tier="db"), 1)
    assert not freeze.holds(target(tier="db", site="a"), 9)
