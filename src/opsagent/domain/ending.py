"""How one look at a problem ended, what people said of it, and how often closing without them was wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class How(StrEnum):
    """What became of the condition in one look."""

    BY_ITSELF = "by_itself"  # measured healthy, and nothing was changed
    REPAIRED = "repaired"  # measured healthy after an effect
    REMAINED = "remained"  # measured, and not healthy
    UNMEASURED = "unmeasured"  # nobody knows


class Closing(StrEnum):
    """What automatic closing did, or would have done."""

    CLOSED = "closed"
    SHADOW = "shadow"  # it would have closed the ticket, and left it alone
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of one run about a ticket. `score` is that of its assessment; `recurred_at` when it fired again."""

    tenant: str
    run_id: str
    ticket_id: str
    fingerprint: str
    at: float
    how: How
    closing: Closing = Closing.NONE
    score: float = 0.5
    confidence: float = 0.0
    recurred_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A person's word on a ticket: was it a real problem, or noise? The latest word on a ticket holds."""

    tenant: str
    ticket_id: str
    real: bool
    by: str
    at: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known of earlier looks at one alert: how the latest ended (newest first), and what people said."""

    endings: tuple[How, ...] = ()
    real: int = 0
    noise: int = 0
    last_word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often something was wrong: `wrong` of `total`, with the interval that holds the truth 95 times of 100.

    The interval is Wilson's (E. B. Wilson, JASA 22, 1927), which is honest for few cases and for none that was wrong.
    """

    total: int
    wrong: int

    @property
    def rate(self) -> float | None:
        """The share that was wrong; None while there is nothing to count."""
        return self.wrong / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end; (0, 1) while nothing is known."""
        if not self.total:
            return 0.0, 1.0
        n, z = self.total, 1.959964  # the 97.5th percentile of the normal distribution
        share = self.wrong / n
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How automatic closing does: what it closed, and what it would have closed in shadow."""

    closed: Rate
    shadow: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """How the looks that ended on one day (`number`: days since 1970-01-01, UTC) went, and closing without a person.

    `detect_s` and `repair_s` are means in seconds: from when a problem began until its ticket was made, and from then
    until it was measured healthy after an effect; None where there were none. `detected` and `timed` say of how many.
    """

    number: int
    repaired: int = 0
    by_itself: int = 0
    remained: int = 0
    unmeasured: int = 0
    detected: int = 0
    detect_s: float | None = None
    timed: int = 0
    repair_s: float | None = None
    closed: Rate = Rate(total=0, wrong=0)

    @property
    def fixed(self) -> Rate:
        """Of the problems that did not go away by themselves, how many were not repaired (`wrong`)."""
        left = self.remained + self.unmeasured
        return Rate(total=self.repaired + left, wrong=left)


def together(days: Sequence[Day]) -> Day:
    """All of them as one, with the number of the last."""
    return Day(
        number=days[-1].number if days else 0,
        repaired=sum(one.repaired for one in days),
        by_itself=sum(one.by_itself for one in days),
        remained=sum(one.remained for one in days),
        unmeasured=sum(one.unmeasured for one in days),
        detected=sum(one.detected for one in days),
        detect_s=_mean([(one.detected, one.detect_s) for one in days]),
        timed=sum(one.timed for one in days),
        repair_s=_mean([(one.timed, one.repair_s) for one in days]),
        closed=Rate(total=sum(one.closed.total for one in days), wrong=sum(one.closed.wrong for one in days)),
    )


def _mean(counted: Sequence[tuple[int, float | None]]) -> float | None:
    many = sum(count for count, _ in counted)
    return sum(count * (mean or 0.0) for count, mean in counted) / many if many else None
