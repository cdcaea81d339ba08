"""Alertmanager's webhook: a v4 payload in, signals out."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from opsagent.adapters.alertmanager.config import AlertmanagerConfig
from opsagent.adapters.intake.bearer import carries_secret
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.prometheus_alert import to_signal
from opsagent.adapters.intake.saying import apart, not_too_many
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed

log = logging.getLogger(__name__)


class AlertmanagerSource:
    """Fulfils `ports.intake.SignalSource`.

    A Watchdog alert makes no signal: it says that the alerting is alive.
    """

    def __init__(self, config: AlertmanagerConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids

    @property
    def name(self) -> str:
        """`alertmanager`."""
        return "alertmanager"

    @property
    def proves(self) -> bool:
        """Whether a secret is set."""
        return bool(self._config.secret)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it carries `Authorization: Bearer <secret>`; False without a configured secret."""
        return carries_secret(headers, self._config.secret)

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:  # noqa: ARG002 - the port's
        """The signals of a v4 payload. InputError, TooLarge."""
        document = read_json(raw)
        version = document["version"]
        if not version.missing and str(version.content) != "4":
            raise version.refused("is not 4", "Send Alertmanager's own webhook payload (version 4).")
        self._note_truncation(document["truncatedAlerts"])
        alerts = document["alerts"].list()
        fix = "Set max_alerts in Alertmanager's webhook_config, or group by more labels."
        not_too_many("/alerts", len(alerts), self._config.max_alerts, fix)
        return apart(
            [to_signal(one, signal_id=self._ids.uuid(), tenant=tenant, source=self.name, now=now) for one in alerts]
        )

    def _note_truncation(self, cut: Value) -> None:
        if isinstance(cut.content, int) and cut.content > 0:
            log.warning(
                "Alertmanager cut %d alerts out of a delivery; raise max_alerts in its webhook_config", cut.content
            )
