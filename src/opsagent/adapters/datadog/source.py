"""Datadog's webhooks: the body is what the user pasted there, with Datadog's `$` variables filled in.

docs/monitoring.md has the body to paste. https://docs.datadoghq.com/integrations/webhooks/
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from opsagent.adapters.datadog.config import DatadogConfig
from opsagent.adapters.intake.bearer import carries_secret
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.instants import instant
from opsagent.adapters.intake.saying import Receipt, Said, apart, tags
from opsagent.adapters.intake.severity import priority_of
from opsagent.domain.priority import Priority
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed

FIRING = frozenset({"triggered", "re-triggered", "warn", "re-warn", "no data", "re-no data", "renotify"})
RESOLVED = frozenset({"recovered", "warn recovered", "no data recovered"})
TYPES = {"error": Priority.HIGH, "warning": Priority.MEDIUM, "info": Priority.LOW, "success": Priority.LOW}
_UNFILLED = re.compile(r"\$[A-Z][A-Z0-9_]*")
_NOTHING = frozenset({"", "null", "none", "n/a"})


class DatadogSource:
    """Fulfils `ports.intake.SignalSource`."""

    def __init__(self, config: DatadogConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids

    @property
    def name(self) -> str:
        """`datadog`."""
        return "datadog"

    @property
    def proves(self) -> bool:
        """Whether a secret is set."""
        return bool(self._config.secret)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it carries `Authorization: Bearer <secret>`."""
        return carries_secret(headers, self._config.secret)

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:  # noqa: ARG002 - the port's
        """The signal of a monitor's transition. InputError."""
        body = read_json(raw)
        transition = _filled(body["alert_transition"])
        known = FIRING | RESOLVED
        if transition.lower() not in known:
            raise body["alert_transition"].refused(
                "is no transition that is known here", "Paste the payload of docs/monitoring.md into the webhook."
            )
        receipt = Receipt(source=self.name, tenant=tenant, now=now, new_id=self._ids.uuid)
        return apart([receipt.signal(_said(body, transition))])


def _said(body: Value, transition: str) -> Said:
    """A monitor and the scope it fires for are the problem; `alert_cycle_key` is new in each outage."""
    monitor = _filled(body["alert_id"])
    if not monitor:
        raise body["alert_id"].wrong("the id of a monitor ($ALERT_ID)")
    scope, at = _filled(body["alert_scope"]), instant(body["date"])
    labels = {
        **tags(_filled(body["tags"]).split(",")),
        **tags(scope.split(",")),
        "monitor": monitor,
        "metric": _filled(body["alert_metric"]),
        "transition": transition,
    }
    labels["host"] = _filled(body["hostname"]) or labels.get("host", "")
    name = _filled(body["alert_title"])
    return Said(
        identity=f"{monitor}/{scope}",
        name=name or _filled(body["title"]) or f"Monitor {monitor}",
        firing=transition.lower() in FIRING,
        moment=_filled(body["id"]) or f"{_filled(body['alert_cycle_key'])}/{transition}/{at}",
        title=_filled(body["title"]) or name,
        description=_filled(body["body"]) or _filled(body["alert_status"]),
        priority=priority_of(_filled(body["alert_priority"])) or TYPES.get(_filled(body["alert_type"]).lower()),
        environment=labels.get("env", ""),
        labels=labels,
        annotations={"url": _filled(body["link"]), "query": _filled(body["alert_query"])},
        starts_at=at,
        ends_at=at,
    )


def _filled(value: Value) -> str:
    """The text here, unless it is a variable Datadog did not fill or one of its words for nothing."""
    text = value.word().strip()
    return "" if text.lower() in _NOTHING or _UNFILLED.fullmatch(text) else text
