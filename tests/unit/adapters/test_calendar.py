"""Cron and intervals: clock changes, leap days, and that the next firing lies after now whatever is asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.calendar import CronCalendar
from opsagent.domain.schedule import Timing
from opsagent.errors import InputError

CALENDAR = CronCalendar()
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def following(cron: str, zone: str, after: str, count: int = 3) -> list[str]:
    found, now = [], at(after, zone)
    for _ in range(count):
        firing = CALENDAR.after(Timing(cron=cron, timezone=zone), now)
        assert firing is not None
        found.append(datetime.fromtimestamp(firing, ZoneInfo(zone)).isoformat(timespec="minutes"))
        now = firing
    return found


def test_where_clocks_move_by_half_an_hour_a_list_of_minutes_leaves_nothing_out() -> None:
    """The limit of cronsim that docs/schedules.md states, and its way round."""
    lord_howe, before = "Australia/Lord_Howe", "2026-04-04T23:00"  # back by half an hour at 02:00 the next morning
    quarters = [f"2026-04-05T02:{minute}+10:30" for minute in ("00", "15", "30", "45")]
    assert following("0,15,30,45 2 * * *", lord_howe, before, 4) == quarters
    assert following("*/15 2 * * *", lord_howe, before, 2) == quarters[2:]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        # 28 March 2027 has no 02:30 in Berlin: it fires at the first minute there is, and not twice
        ("30 2 * * *", BERLIN, "2027-03-27T12:00", ["2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"]),
        ("30 2 * * *", NEW_YORK, "2027-03-13T12:00", ["2027-03-14T03:00-04:00", "2027-03-15T02:30-04:00"]),
        # 31 October 2027 has two: the first one counts
        ("30 2 * * *", BERLIN, "2027-10-30T12:00", ["2027-10-31T02:30+02:00", "2027-11-01T02:30+01:00"]),
        ("30 1 * * *", NEW_YORK, "2027-11-06T12:00", ["2027-11-07T01:30-04:00", "2027-11-08T01:30-05:00"]),
        # what fires by the hour or by minutes goes by the time that passes
        ("0 * * * *", BERLIN, "2027-03-28T00:30", ["2027-03-28T01:00+01:00", "2027-03-28T03:00+02:00"]),
        (
            "*/30 * * * *",
            BERLIN,
            "2027-10-31T01:30",
            ["2027-10-31T02:00+02:00", "2027-10-31T02:30+02:00", "2027-10-31T02:00+01:00", "2027-10-31T02:30+01:00"],
        ),
        # the hands of the clock stay where they are across a change
        ("0 9 * * MON-FRI", BERLIN, "2026-10-23T12:00", ["2026-10-26T09:00+01:00", "2026-10-27T09:00+01:00"]),
        ("0 9 * * MON-FRI", BERLIN, "2027-03-26T12:00", ["2027-03-29T09:00+02:00", "2027-03-30T09:00+02:00"]),
        ("0 0 29 2 *", "UTC", "2027-01-01T00:00", ["2028-02-29T00:00+00:00", "2032-02-29T00:00+00:00"]),
        ("0 12 L * *", "UTC", "2028-02-01T00:00", ["2028-02-29T12:00+00:00", "2028-03-31T12:00+00:00"]),
        ("@daily", "UTC", "2027-12-31T10:00", ["2028-01-01T00:00+00:00", "2028-01-02T00:00+00:00"]),
        ("0 0 31 12 0", "UTC", "2027-01-01T00:00", ["2027-12-05T00:00+00:00", "2027-12-12T00:00+00:00"]),  # either
    ],
)
def test_when_it_fires(cron: str, zone: str, after: str, expected: list[str]) -> None:
    assert following(cron, zone, after, len(expected)) == expected


def test_asked_within_the_repeated_hour_it_does_not_go_back() -> None:
    timing = Timing(cron="30 2 * * *", timezone=BERLIN)
    second_pass = at("2027-10-31T02:10", BERLIN, fold=1)
    assert CALENDAR.after(timing, second_pass) == at("2027-11-01T02:30", BERLIN)


def test_an_interval_counts_from_its_start_and_keeps_its_pace() -> None:
    timing = Timing(every_s=600, starts_at=1000.0, ends_at=2300.0)
    assert [CALENDAR.after(timing, now) for now in (0.0, 999.9, 1000.0, 1599.9, 1600.0, 2199.0)] == [
        1000.0,
        1000.0,
        1600.0,
        1600.0,
        2200.0,
        2200.0,
    ]
    assert CALENDAR.after(timing, 2200.0) is None, "nothing fires after the end"


def test_a_start_and_an_end_bound_a_cron_expression() -> None:
    timing = Timing(cron="0 3 * * *", starts_at=at("2027-05-01T03:00"), ends_at=at("2027-05-03T03:00"))
    first = CALENDAR.after(timing, at("2027-04-01T00:00"))
    assert first == timing.starts_at, "the start may be a firing"
    assert first is not None
    second = CALENDAR.after(timing, first)
    assert second == at("2027-05-02T03:00")
    assert second is not None and CALENDAR.after(timing, second) is None


@pytest.mark.parametrize(
    "timing",
    [
        Timing(),
        Timing(cron="0 3 * * *", every_s=60),
        Timing(cron="0 3 * *"),
        Timing(cron="*/5 0 3 * * *"),  # seconds
        Timing(cron="60 * * * *"),
        Timing(cron="0 0 30 2 *"),
        Timing(cron="0 0 31 4,6,9,11 *"),
        Timing(cron="1L/2 * * * *"),
        Timing(cron="0 0 * * 1#2/3"),
        Timing(cron="٣ * * * *"),
        Timing(cron="1," * 200 + "1 * * * *"),
        Timing(cron="@reboot"),
        Timing(cron="0 3 * * *", timezone="Europe"),
        Timing(cron="0 3 * * *", timezone="../../etc/passwd"),
        Timing(cron="0 3 * * *", timezone="Mars/Olympus"),
        Timing(cron="0 3 * * *", starts_at=10.0, ends_at=10.0),
        Timing(cron="0 3 * * *", starts_at=float("nan")),
        Timing(cron="0 3 * * *", ends_at=1e18),
        Timing(every_s=59, starts_at=0.0),
        Timing(every_s=60),
    ],
)
def test_what_cannot_be_read_is_refused(timing: Timing) -> None:
    with pytest.raises(InputError) as caught:
        CALENDAR.check(timing)
    assert caught.value.fix


@given(st.text(alphabet="0123456789*/,-#LWMONJA? @", max_size=40))
def test_any_text_is_a_cron_expression_or_an_input_error(text: str) -> None:
    timing = Timing(cron=text or "x", timezone=BERLIN)
    try:
        CALENDAR.check(timing)
    except InputError:
        return
    assert CALENDAR.after(timing, 1_800_000_000.0) is not None


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        st.integers(1, 30).map(lambda step: f"*/{step}"),
        number.map(str),
        st.lists(number, min_size=2, max_size=4).map(lambda several: ",".join(map(str, several))),
        st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}"),
    )


crons = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)).map(" ".join)
zones = st.sampled_from([BERLIN, NEW_YORK, "UTC", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"])
# two days round the changes of the clocks in Berlin and New York, and any other time
CHANGES = [at(day) for day in ("2027-03-28T00:00", "2027-10-31T00:00", "2027-03-14T06:00", "2027-11-07T06:00")]
moments = st.one_of(
    st.floats(0, 4e9, allow_nan=False),
    st.tuples(st.sampled_from(CHANGES), st.integers(-90_000, 90_000)).map(lambda two: float(sum(two))),
)


@given(crons, zones, moments)
def test_the_next_firing_is_after_now_and_none_is_left_out(cron: str, zone: str, now: float) -> None:
    timing = Timing(cron=cron, timezone=zone)
    first = CALENDAR.after(timing, now)
    if first is None:  # a day of the month and one of the week that never meet
        return
    assert first > now
    second = CALENDAR.after(timing, first)
    assert second is not None and second > first
    assert CALENDAR.after(timing, (now + first) / 2) == first, "asked a little later, the same is next"
    shown = datetime.fromtimestamp(first, ZoneInfo(zone))
    assert shown.second == 0


@given(crons, zones, moments, st.floats(0, 5e6, allow_nan=False))
def test_later_is_never_earlier(cron: str, zone: str, now: float, more: float) -> None:
    timing = Timing(cron=cron, timezone=zone)
    early, late = CALENDAR.after(timing, now), CALENDAR.after(timing, now + more)
    assert late is None or (early is not None and early <= late)


@given(st.integers(60, 10**7), st.floats(0, 4e9, allow_nan=False), st.floats(0, 4e9, allow_nan=False))
def test_an_interval_is_after_now_by_less_than_itself(every: int, start: float, now: float) -> None:
    timing = Timing(every_s=every, starts_at=start)
    found = CALENDAR.after(timing, now)
    assert found is not None and found > now
    assert found - max(now, start) <= every + 1
    again = CALENDAR.after(timing, found)
    assert again is not None and timedelta(seconds=again - found) == timedelta(seconds=every)
