"""What the PagerDuty source needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyConfig:
    """`secret` is the signing secret PagerDuty shows once when a subscription is made; empty: nothing is proven."""

    secret: str = field(default="", repr=False)
