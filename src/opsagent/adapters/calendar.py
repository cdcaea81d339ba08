"""Cron expressions and intervals, read by cronsim and the IANA time zones."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from opsagent.domain.schedule import MIN_EVERY_S, Timing
from opsagent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CRON_CHARS = 200
_FIELDS = 5
_NICKNAMES = {  # crontab(5); `@reboot` is no time
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_LAST_YEAR = 9000  # datetime ends with 9999, and cronsim looks 50 years ahead
_LATEST = datetime(_LAST_YEAR, 1, 1, tzinfo=UTC).timestamp()
_LOOKS = 4000  # of cronsim's answers, how many may lie before `at`: the minutes of a clock change, by far


class CronCalendar:
    """Calendar over cronsim, whose rules about clock changes are those of Debian's cron."""

    def check(self, timing: Timing) -> None:
        """Refuse a timing that cannot be read or can never fire. InputError."""
        if bool(timing.cron) == bool(timing.every_s):
            raise InputError("A timing has a cron expression or an interval.", fix="Give one of the two.")
        zone = zone_of(timing.timezone)
        if timing.every_s and (timing.every_s < MIN_EVERY_S or timing.starts_at is None):
            raise InputError(
                f"An interval of {timing.every_s} s is too short.", fix=f"{MIN_EVERY_S} seconds are the least."
            )
        for end in (timing.starts_at, timing.ends_at):
            if end is not None and not 0 <= end < _LATEST:
                raise InputError("The start or the end is out of range.", fix="Give a year before 9000.")
        if timing.starts_at is not None and timing.ends_at is not None and timing.ends_at <= timing.starts_at:
            raise InputError("It ends before it starts.", fix="Give an end after the start.")
        if timing.cron and next(_firings(timing.cron, zone, timing.starts_at or 0.0), None) is None:
            raise InputError(f"{timing.cron!r} never fires.", fix="Name a day that its months have.")

    def after(self, timing: Timing, at: float) -> float | None:
        """The first firing later than `at`; None when there is none."""
        if timing.starts_at is not None and at < timing.starts_at:
            at = math.ceil(timing.starts_at) - 1.0  # the start itself may be a firing
        if not -1.0 <= at < _LATEST:
            return None
        found = _every(timing, at) if timing.every_s else _next(timing.cron, zone_of(timing.timezone), at)
        return None if found is None or (timing.ends_at is not None and found >= timing.ends_at) else found


def _every(timing: Timing, at: float) -> float:
    first = math.ceil(timing.starts_at or 0.0)
    return float(first + max(0, math.floor((at - first) / timing.every_s) + 1) * timing.every_s)


def _next(cron: str, zone: ZoneInfo, at: float) -> float | None:
    # Within a repeated hour cronsim counts by the hands of the clock, so its first answers may lie before `at`.
    return next((found for found in islice(_firings(cron, zone, at), _LOOKS) if found > at), None)


def _firings(cron: str, zone: ZoneInfo, at: float) -> Iterator[float]:
    from cronsim import CronSim, CronSimError

    text = _NICKNAMES.get(cron.strip().lower(), cron)
    if len(text) > MAX_CRON_CHARS or len(text.split()) != _FIELDS or not text.isascii():
        raise InputError(
            f"{cron[:MAX_CRON_CHARS]!r} is no cron expression.",
            fix='Write five fields: minute, hour, day, month, weekday, as in "0 3 * * MON-FRI".',
        )
    try:
        found = CronSim(text, datetime.fromtimestamp(at, zone))
    except (CronSimError, AssertionError, TypeError, ValueError) as error:  # the last three: a step of what has none
        which = str(error) if isinstance(error, CronSimError) else "a step of something that has no steps"
        raise InputError(f"{cron!r} is no cron expression: {which}.", fix="See crontab(5), five fields.") from None
    return (one.timestamp() for one in found)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name in the IANA list. InputError."""
    if _ZONE.fullmatch(name):
        with suppress(ValueError, OSError, KeyError):  # a folder's name, such as `Europe`, is an OSError
            return ZoneInfo(name)
    raise InputError(
        f"There is no time zone {name[:80]!r}.", fix="Write a name of the IANA list, such as Europe/Berlin."
    )
