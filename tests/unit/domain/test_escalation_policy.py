"""Whom a chain tells when: in order, each telling once, and never in quiet hours, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.escalation_policy import (
    Addressee,
    EscalationPolicy,
    EscalationStep,
    Fact,
    Occasion,
    QuietHours,
)
from opsagent.domain.matcher import read_matcher
from opsagent.domain.priority import Priority

ADA = Addressee(name="ada", channel="slack", address="U1")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "America/St_Johns")
YEAR = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def quiet(starts: str, ends: str, zone: str = "Europe/Berlin") -> QuietHours:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (starts, ends)]
    return QuietHours(starts=minutes[0], ends=minutes[1], zone=ZoneInfo(zone))


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("hours", "when", "over"),
    [
        (("22:00", "07:00"), "2026-11-30T21:59:59+01:00", "2026-11-30T21:59:59+01:00"),
        (("22:00", "07:00"), "2026-11-30T22:00:00+01:00", "2026-12-01T07:00:00+01:00"),
        (("22:00", "07:00"), "2026-12-01T06:59:59+01:00", "2026-12-01T07:00:00+01:00"),
        (("22:00", "07:00"), "2026-12-01T07:00:00+01:00", "2026-12-01T07:00:00+01:00"),
        (("12:00", "13:00"), "2026-12-01T12:30:30+01:00", "2026-12-01T13:00:00+01:00"),
        # the night is an hour shorter, then an hour longer
        (("22:00", "07:00"), "2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),
        (("22:00", "07:00"), "2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
        # 02:30 is left out: the moment that leaves it out is the end
        (("22:00", "02:30"), "2026-03-29T00:10:00+01:00", "2026-03-29T03:00:00+02:00"),
        # 02:30 comes twice: the first is the end, and by the hands of the clock it is quiet once more
        (("22:00", "02:30"), "2026-10-25T02:10:00+02:00", "2026-10-25T02:30:00+02:00"),
        (("22:00", "02:30"), "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
        # all loud minutes of that day are left out
        (("03:00", "02:00"), "2026-03-28T12:00:00+01:00", "2026-03-30T02:00:00+02:00"),
    ],
)
def test_quiet_hours_end_by_the_hands_of_the_clock(hours: tuple[str, str], when: str, over: str) -> None:
    assert quiet(*hours).over(at(when)) == at(over)


minutes = st.integers(0, 1439)


@given(minutes, minutes, st.sampled_from(ZONES), st.floats(YEAR, YEAR + 366 * 86400))
def test_what_is_over_is_loud_and_nothing_before_it_was(starts: int, ends: int, zone: str, when: float) -> None:
    if starts == ends:
        return
    hours = QuietHours(starts=starts, ends=ends, zone=ZoneInfo(zone))
    over = hours.over(when)
    assert over >= when
    assert not hours.hold(over)
    assert hours.hold(when) == (over > when)
    assert over - when < timedelta(days=3).total_seconds()
    earlier = range(int(when // 60) + 1, int(over // 60))
    assert all(hours.hold(minute * 60.0) for minute in earlier[:: max(1, len(earlier) // 50)])


steps = st.builds(
    lambda after, repeats, every: EscalationStep(after_s=after, tell=(ADA,), repeats=repeats, every_s=every),
    st.integers(0, 86400).map(float),
    st.integers(0, 4),
    st.integers(60, 7200).map(float),
)


@given(
    st.lists(steps, min_size=1, max_size=6),
    minutes,
    minutes,
    st.sampled_from(ZONES),
    st.sampled_from(Priority),
    st.floats(YEAR, YEAR + 366 * 86400),
)
def test_a_chain_is_told_in_order_once_each_and_outside_quiet_hours(
    chain: list[EscalationStep], starts: int, ends: int, zone: str, priority: Priority, since: float
) -> None:
    hours = QuietHours(starts=starts, ends=ends, zone=ZoneInfo(zone)) if starts != ends else None
    policy = EscalationPolicy(
        name="p", version="1", on=Occasion.RUN_FAILED, steps=tuple(chain), quiet=hours,
        even_in_quiet_hours=frozenset({Priority.CRITICAL}),
    )  # fmt: skip
    told = list(policy.tellings(since, priority))
    places = [(step, telling) for step, telling, _ in told]
    assert places == [(step, again) for step, one in enumerate(chain) for again in range(one.repeats + 1)]
    times = [when for _, _, when in told]
    assert times == sorted(times)
    assert times[0] >= since + chain[0].after_s
    for (_, _, before), (step, telling, when) in pairwise(told):
        assert when - before >= (chain[step].every_s if telling else chain[step].after_s) - 0.001
    if hours is not None and priority is not Priority.CRITICAL:
        assert not any(hours.hold(when) for when in times)


def test_what_a_policy_fits() -> None:
    policy = EscalationPolicy(
        name="p", version="1", on=Occasion.TICKET_OPEN, steps=(EscalationStep(after_s=0, tell=(ADA,)),),
        priorities=frozenset({Priority.HIGH}), environments=frozenset({"prod"}), tenant="acme",
        match=(read_matcher("service=~'shop.*'".replace("'", '"')),),
    )  # fmt: skip
    fact = {
        "occasion": Occasion.TICKET_OPEN,
        "tenant": "acme",
        "priority": Priority.HIGH,
        "environment": "prod",
        "labels": {"service": "shop-web"},
    }
    assert policy.fits(Fact(**fact))  # type: ignore[arg-type] # each has its own type
    for other in (
        {"occasion": Occasion.RUN_FAILED},
        {"tenant": "other"},
        {"priority": Priority.LOW},
        {"environment": "test"},
        {"labels": {"service": "till"}},
        {"labels": {}},
    ):
        assert not policy.fits(Fact(**fact | other))  # type: ignore[arg-type]
