"""Prometheus without an Alertmanager: it posts a plain list of alerts; a v4 payload is taken as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opsagent.adapters.intake.bearer import carries_secret
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.prometheus_alert import to_signal
from opsagent.adapters.intake.saying import apart, not_too_many
from opsagent.adapters.prometheus.config import PrometheusConfig
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed


class PrometheusSource:
    """Fulfils `ports.intake.SignalSource` for what Prometheus posts to an Alertmanager's `/api/v2/alerts`.

    A Watchdog alert makes no signal: it says that the alerting is alive.
    """

    def __init__(self, config: PrometheusConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids

    @property
    def name(self) -> str:
        """`prometheus`."""
        return "prometheus"

    @property
    def proves(self) -> bool:
        """Whether a secret is set."""
        return bool(self._config.secret)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it carries `Authorization: Bearer <secret>`; False without a configured secret."""
        return carries_secret(headers, self._config.secret)

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:  # noqa: ARG002 - the port's
        """The signals of a list of alerts, or of a payload that has one. InputError, TooLarge."""
        alerts = _alerts(read_json(raw))
        not_too_many("The body", len(alerts), self._config.max_alerts, "Send fewer at once.")
        return apart(
            [to_signal(one, signal_id=self._ids.uuid(), tenant=tenant, source=self.name, now=now) for one in alerts]
        )


def _alerts(document: Value) -> Sequence[Value]:
    return document.list() if isinstance(document.content, list) else document["alerts"].list()
