"""Prometheus without an Alertmanager: it posts a plain list of alerts; a v4 payload is taken as well."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from opsagent.adapters.intake.bearer import carries_secret
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.prometheus_alert import is_heartbeat, to_signal
from opsagent.adapters.prometheus.config import PrometheusConfig
from opsagent.domain.ticket import Signal
from opsagent.errors import TooLarge
from opsagent.ports.clock import Ids

log = logging.getLogger(__name__)


class PrometheusSource:
    """Fulfils `ports.intake.SignalSource` for what Prometheus posts to an Alertmanager's `/api/v2/alerts`.

    A Watchdog alert makes no signal: it says that the alerting is alive, and when it last did is kept.
    """

    def __init__(self, config: PrometheusConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids
        self._heartbeats: dict[str, float] = {}

    @property
    def name(self) -> str:
        """`prometheus`."""
        return "prometheus"

    def last_heartbeat(self, tenant: str) -> float | None:
        """When a firing Watchdog last came in (epoch seconds), or None since this process started."""
        return self._heartbeats.get(tenant)

    def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it carries `Authorization: Bearer <secret>`; False without a configured secret."""
        return carries_secret(headers, self._config.secret)

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Sequence[Signal]:  # noqa: ARG002 - the port's
        """The signals of a list of alerts, or of a payload that has one. InputError, TooLarge."""
        document = read_json(raw)
        alerts = _alerts(document)
        if len(alerts) > self._config.max_alerts:
            raise TooLarge(
                f"The body holds {len(alerts)} alerts; {self._config.max_alerts} are taken at once.",
                fix="Send fewer at once.",
            )
        signals: list[Signal] = []
        for alert in alerts:
            signal = to_signal(alert, signal_id=self._ids.uuid(), tenant=tenant, source=self.name, now=now)
            if not is_heartbeat(signal):
                signals.append(signal)
            elif signal.status == "firing":
                self._heartbeats[tenant] = now
                log.debug("Prometheus is alive: %s", signal.name)
        return signals


def _alerts(document: Value) -> Sequence[Value]:
    return document.list() if isinstance(document.content, list) else document["alerts"].list()
