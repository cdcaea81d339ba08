"""Whom a policy tells, step by step, when nobody answers: its filters, its delays, its quiet hours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum

from opsagent.domain.matcher import Matcher, all_hold
from opsagent.domain.priority import Priority

DAY_MINUTES = 24 * 60
_LOOKS = 3 * DAY_MINUTES  # quiet hours may swallow the only loud minutes of a day whose clocks change, never of three


class Occasion(StrEnum):
    """What an escalation may be about."""

    APPROVAL_UNANSWERED = "approval_unanswered"  # a question waits for a person
    RUN_FAILED = "run_failed"  # a run has ended as failed
    TICKET_OPEN = "ticket_open"  # a problem is open, and nobody has taken it over


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What policies choose by. `labels` are outside data: they select a policy, and nothing else."""

    occasion: Occasion
    tenant: str
    priority: Priority = Priority.MEDIUM
    environment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """An address of a channel; `name` is whose it is, as people call it."""

    name: str
    channel: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationStep:
    """Who is told `after_s` seconds after the telling before (the first: after the fact).

    While nobody reacts they are told `repeats` times more, each `every_s` seconds.
    """

    after_s: float
    tell: tuple[Addressee, ...]
    repeats: int = 0
    every_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From one minute of the day until before another, by the hands of the clock in a zone; over midnight too."""

    starts: int
    ends: int
    zone: tzinfo

    def hold(self, at: float) -> bool:
        """Whether it is quiet at an epoch second."""
        local = datetime.fromtimestamp(at, self.zone)
        minute = local.hour * 60 + local.minute
        if self.starts < self.ends:
            return self.starts <= minute < self.ends
        return minute >= self.starts or minute < self.ends

    def over(self, at: float) -> float:
        """The first time from `at` on (epoch seconds) that is not quiet: `at` itself, or a whole minute.

        Minute by minute, so that an end the clocks skip is the moment they have skipped it.
        """
        if not self.hold(at):
            return at
        minute = math.floor(at / 60) + 1
        return next((one * 60.0 for one in range(minute, minute + _LOOKS) if not self.hold(one * 60.0)), at)


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationPolicy:
    """A chain for the facts that it fits. Empty filters mean all; `version` changes with whatever it says.

    In quiet hours nobody is told: it waits for their end, but for the priorities of `even_in_quiet_hours`.
    """

    name: str
    version: str
    on: Occasion
    steps: tuple[EscalationStep, ...]
    priorities: frozenset[Priority] = frozenset()
    environments: frozenset[str] = frozenset()
    tenant: str = ""
    match: tuple[Matcher, ...] = ()
    quiet: QuietHours | None = None
    even_in_quiet_hours: frozenset[Priority] = frozenset()

    def fits(self, fact: Fact) -> bool:
        """Whether this chain is for that fact."""
        return (
            fact.occasion is self.on
            and self.tenant in ("", fact.tenant)
            and (not self.priorities or fact.priority in self.priorities)
            and (not self.environments or fact.environment in self.environments)
            and all_hold(self.match, fact.labels)
        )

    def allowed(self, at: float, priority: Priority) -> float:
        """The first time from `at` on at which people may be told."""
        if self.quiet is None or priority in self.even_in_quiet_hours:
            return at
        return self.quiet.over(at)

    def first(self, since: float, priority: Priority) -> float:
        """When the first step is due for a fact of that time."""
        return self.allowed(since + self.steps[0].after_s, priority)

    def following(self, step: int, told: int, at: float, priority: Priority) -> tuple[int, int, float] | None:
        """What comes after the telling number `told` (from 0) of a step, done at `at`: step, telling, time."""
        one = self.steps[step]
        if told < one.repeats:
            return step, told + 1, self.allowed(at + one.every_s, priority)
        if step + 1 < len(self.steps):
            return step + 1, 0, self.allowed(at + self.steps[step + 1].after_s, priority)
        return None

    def tellings(self, since: float, priority: Priority) -> Iterator[tuple[int, int, float]]:
        """The whole chain as it would be told: step, telling, time."""
        following: tuple[int, int, float] | None = (0, 0, self.first(since, priority))
        while following is not None:
            yield following
            following = self.following(*following, priority)
