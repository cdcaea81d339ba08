"""What the Datadog source needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DatadogConfig:
    """`secret` is sent in the webhook's custom headers as `Authorization: Bearer ...`: Datadog signs nothing."""

    secret: str = field(default="", repr=False)
