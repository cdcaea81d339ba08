"""Alertmanager's webhook: a v4 payload in, signals out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from opsagent.adapters.alertmanager.config import AlertmanagerConfig
from opsagent.adapters.intake.bearer import carries_secret
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.prometheus_alert import is_heartbeat, to_signal
from opsagent.domain.ticket import Signal
from opsagent.errors import TooLarge
from opsagent.ports.clock import Ids

log = logging.getLogger(__name__)


class AlertmanagerSource:
    """Fulfils `ports.intake.SignalSource`.

    A Watchdog alert makes no signal: it says that the alerting is alive, and when it last did is kept.
    """

    def __init__(self, config: AlertmanagerConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids
        self._heartbeats: dict[str, float] = {}

    @property
    def name(self) -> str:
        """`alertmanager`."""
        return "alertmanager"

    def last_heartbeat(self, tenant: str) -> float | None:
        """When a firing Watchdog last came in (epoch seconds), or None since this process started."""
        return self._heartbeats.get(tenant)

    def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it carries `Authorization: Bearer <secret>`; False without a configured secret."""
        return carries_secret(headers, self._config.secret)

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Sequence[Signal]:  # noqa: ARG002 - the port's
        """The signals of a v4 payload. InputError, TooLarge."""
        document = read_json(raw)
        version = document["version"]
        if not version.missing and str(version.content) != "4":
            raise version.refused("is not 4", "Send Alertmanager's own webhook payload (version 4).")
        self._note_truncation(document["truncatedAlerts"])
        alerts = document["alerts"].list()
        if len(alerts) > self._config.max_alerts:
            raise TooLarge(
                f"/alerts holds {len(alerts)} alerts; {self._config.max_alerts} are taken at once.",
                fix="Set max_alerts in Alertmanager's webhook_config, or group by more labels.",
            )
        signals: list[Signal] = []
        for alert in alerts:
            signal = to_signal(alert, signal_id=self._ids.uuid(), tenant=tenant, source=self.name, now=now)
            if is_heartbeat(signal):
                self._note_heartbeat(signal)
            else:
                signals.append(signal)
        return signals

    def _note_heartbeat(self, signal: Signal) -> None:
        if signal.status == "firing":
            self._heartbeats[signal.tenant] = signal.received_at
            log.debug("Alertmanager is alive: %s", signal.name)
        else:
            log.warning("Alertmanager says its heartbeat %s has ended: alerting may be broken", signal.name)

    def _note_truncation(self, cut: Value) -> None:
        if isinstance(cut.content, int) and cut.content > 0:
            log.warning(
                "Alertmanager cut %d alerts out of a delivery; raise max_alerts in its webhook_config", cut.content
            )
