"""Grafana's alerting webhook: Alertmanager's form with values and links added.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from opsagent.adapters.grafana.config import GrafanaConfig
from opsagent.adapters.intake.bearer import carries_secret
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.headers import header
from opsagent.adapters.intake.prometheus_alert import to_signal
from opsagent.adapters.intake.saying import apart, not_too_many
from opsagent.adapters.intake.signature import signs
from opsagent.domain.event import cap
from opsagent.domain.ticket import Signal
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed

SIGNATURE = "X-Grafana-Alerting-Signature"
# The name is the user's to choose there; docs/monitoring.md tells them the first.
TIMESTAMPS = ("X-Grafana-Alerting-Timestamp", "X-Grafana-Alerting-Signature-Timestamp")
EXTRAS = ("valueString", "dashboardURL", "panelURL", "silenceURL", "generatorURL")


class GrafanaSource:
    """Fulfils `ports.intake.SignalSource`."""

    def __init__(self, config: GrafanaConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids

    @property
    def name(self) -> str:
        """`grafana`."""
        return "grafana"

    @property
    def proves(self) -> bool:
        """Whether a secret is set."""
        return bool(self._config.secret)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
        """Whether it is signed with the secret, or carries it as bearer credentials.

        With a timestamp header the signed message is `<timestamp>:<body>`, and the timestamp must be recent.
        """
        signature = header(headers, SIGNATURE)
        if not signature:
            return carries_secret(headers, self._config.secret)
        stamp = next((found for name in TIMESTAMPS if (found := header(headers, name))), "")
        if not stamp:
            return signs(self._config.secret, raw, signature)
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return False
        fresh = abs(now - int(stamp)) <= self._config.max_age_s
        return signs(self._config.secret, stamp.encode() + b":" + raw, signature) and fresh

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:  # noqa: ARG002 - the port's
        """The signals of a notification. InputError, TooLarge."""
        alerts = read_json(raw)["alerts"].list()
        fix = "Set Max Alerts in the contact point, or group by more labels."
        not_too_many("/alerts", len(alerts), self._config.max_alerts, fix)
        return apart([self._signal(alert, tenant, now) for alert in alerts])

    def _signal(self, alert: Value, tenant: str, now: float) -> Signal:
        signal = to_signal(alert, signal_id=self._ids.uuid(), tenant=tenant, source=self.name, now=now)
        extras = {name: text for name in EXTRAS if (text := cap(alert[name].text()))}
        return replace(signal, annotations={**signal.annotations, **extras})
