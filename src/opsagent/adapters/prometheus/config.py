"""What the Prometheus source needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsagent.adapters.intake.document import MAX_ALERTS


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusConfig:
    """`secret` is the bearer credential in its alertmanagers section; empty: deliveries prove nothing by themselves."""

    secret: str = field(default="", repr=False)
    max_alerts: int = MAX_ALERTS
