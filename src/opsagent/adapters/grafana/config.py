"""What the Grafana source needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsagent.adapters.intake.document import MAX_ALERTS


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaConfig:
    """`secret` is the HMAC secret of the contact point, or its Authorization credentials; empty: nothing is proven.

    `max_age_s` is how old a signed timestamp may be, in either direction.
    """

    secret: str = field(default="", repr=False)
    max_alerts: int = MAX_ALERTS
    max_age_s: float = 300.0
