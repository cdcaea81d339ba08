"""What questions to models cost, and how much of it may be spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from opsagent.domain.run import Usage

MICROS = 1_000_000  # money is counted in millionths, so that sums are exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Tokens of both directions together, and money in millionths of the currency that prices are written in."""

    tokens: int = 0
    micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens cost, in the currency of whoever set it up."""

    per_million_in: float = 0.0
    per_million_out: float = 0.0

    def of(self, usage: Usage) -> Amount:
        """What that usage costs, rounded up."""
        micros = usage.input_tokens * self.per_million_in + usage.output_tokens * self.per_million_out
        return Amount(tokens=usage.input_tokens + usage.output_tokens, micros=math.ceil(micros))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most one run and one tenant's day (UTC) may take; 0 sets no limit."""

    run: Amount = Amount()
    day: Amount = Amount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What one question may cost at most, put aside before it is asked. `day` is its date in UTC, `2026-11-30`.

    `model` is who is asked; the day is counted for each of them too.
    """

    tenant: str
    run_id: str
    day: str
    most: Amount
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpent:
    """What a tenant's day has taken, and each model's part of it; what was asked before parts were kept is in none."""

    day: str
    whole: Amount
    models: Mapping[str, Amount]
