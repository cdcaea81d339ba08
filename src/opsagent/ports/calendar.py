"""When the clock strikes: reading cron expressions in time zones."""

from __future__ import annotations

from typing import Protocol

from opsagent.domain.schedule import Timing


class Calendar(Protocol):
    """Pure but for the time zone data of the machine; the same question has the same answer."""

    def check(self, timing: Timing) -> None:
        """Refuse a timing that cannot be read or can never fire. InputError, saying which part."""
        ...

    def after(self, timing: Timing, at: float) -> float | None:
        """The first firing later than `at` (epoch seconds); None when there is none.

        A time that a change of the clocks leaves out fires at the first minute after the gap; one that comes twice
        fires the first time only, unless minutes or hours are `*`. InputError as `check`.
        """
        ...
