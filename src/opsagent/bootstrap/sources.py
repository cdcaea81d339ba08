"""The monitoring systems whose webhooks are taken, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from opsagent.adapters.alertmanager.config import AlertmanagerConfig
from opsagent.adapters.alertmanager.source import AlertmanagerSource
from opsagent.adapters.cloudwatch.config import CloudWatchConfig
from opsagent.adapters.cloudwatch.source import CloudWatchSource
from opsagent.adapters.datadog.config import DatadogConfig
from opsagent.adapters.datadog.source import DatadogSource
from opsagent.adapters.grafana.config import GrafanaConfig
from opsagent.adapters.grafana.source import GrafanaSource
from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.pagerduty.config import PagerDutyConfig
from opsagent.adapters.pagerduty.source import PagerDutySource
from opsagent.adapters.prometheus.config import PrometheusConfig
from opsagent.adapters.prometheus.source import PrometheusSource
from opsagent.adapters.sentry.config import SentryConfig
from opsagent.adapters.sentry.source import SentrySource
from opsagent.bootstrap import configs
from opsagent.errors import ConfigurationError, UnavailableError
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.intake import SignalSource
from opsagent.settings import Settings

C = TypeVar("C")
BRANDS = ("alertmanager", "prometheus", "grafana", "datadog", "pagerduty", "sentry", "cloudwatch")


def sources(settings: Settings, clock: Clock, ids: Ids) -> dict[str, SignalSource]:
    """The brands, and a source for each mapping. ConfigurationError for a secret of a source that does not exist."""
    from opsagent.adapters.generic.config import GenericConfig
    from opsagent.adapters.generic.folders import load_mappings
    from opsagent.adapters.generic.source import GenericSource

    mappings = load_mappings(settings.intake.intake_mappings_folder)
    given = {name: secret.get_secret_value() for name, secret in settings.security.webhook_secrets.items()}
    hyphened = {name.replace("-", "_"): name for name in mappings}  # a variable's name has no hyphen in it
    secrets = {hyphened.get(name, name): secret for name, secret in given.items()}
    _check(secrets, mappings)

    def secret(name: str) -> str:
        return secrets.get(name, "")

    made: list[SignalSource] = [
        AlertmanagerSource(AlertmanagerConfig(secret=secret("alertmanager")), ids),
        PrometheusSource(PrometheusConfig(secret=secret("prometheus")), ids),
        GrafanaSource(GrafanaConfig(secret=secret("grafana")), ids),
        DatadogSource(DatadogConfig(secret=secret("datadog")), ids),
        PagerDutySource(PagerDutyConfig(secret=secret("pagerduty")), ids),
        SentrySource(SentryConfig(secret=secret("sentry")), ids),
        CloudWatchSource(CloudWatchConfig(topics=settings.intake.sns_topics), ids, fetching(settings, clock)),
        *(GenericSource(GenericConfig(mapping=one, secret=secret(one.source)), ids) for one in mappings.values()),
    ]
    return {source.name: source for source in made}


def fetching(settings: Settings, clock: Clock) -> Callable[[str], Awaitable[bytes]]:
    """Gets a page by the one client that leaves the house, which is made when it is first needed."""

    async def fetch(address: str) -> bytes:
        client = OutboundClient(configs.outbound(settings), clock)
        answer = await client.request("GET", address, redirects=0)
        if answer.status != HTTPStatus.OK:
            raise UnavailableError(f"SNS answered {answer.status}.", fix="Nothing was taken in; it is sent again.")
        return answer.body

    return fetch


def _check(secrets: dict[str, str], mappings: dict[str, C]) -> None:
    clashing = sorted(mappings.keys() & set(BRANDS))
    if clashing:
        raise ConfigurationError(
            f"A mapping is called {clashing[0]}, which has its own way in.", fix="Give it another name."
        )
    if "cloudwatch" in secrets:
        raise ConfigurationError(
            "webhook_secrets names cloudwatch, which is proven by the signature of SNS.",
            fix="Name your topics in sns_topics instead.",
        )
    known = [*BRANDS, *mappings]
    unknown = sorted(secrets.keys() - set(known))
    if unknown:
        raise ConfigurationError(
            f"webhook_secrets names {', '.join(unknown)}, which is no source.",
            fix=f"The sources are {', '.join(one for one in known if one != 'cloudwatch')}.",
        )
