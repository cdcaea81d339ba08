"""What the Alertmanager source needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsagent.adapters.intake.document import MAX_ALERTS


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerConfig:
    """`secret` is the bearer credential in its webhook_config; empty: deliveries prove nothing by themselves."""

    secret: str = field(default="", repr=False)
    max_alerts: int = MAX_ALERTS
