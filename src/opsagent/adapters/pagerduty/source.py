"""PagerDuty's webhooks, version 3: one event about one incident in each.

https://developer.pagerduty.com/docs/webhooks/v3-overview/ and .../verifying-signatures/
"""

from __future__ import annotations

from collections.abc import Mapping

from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.headers import header
from opsagent.adapters.intake.instants import instant
from opsagent.adapters.intake.saying import Receipt, Said, apart
from opsagent.adapters.intake.severity import priority_of
from opsagent.adapters.intake.signature import signs
from opsagent.adapters.pagerduty.config import PagerDutyConfig
from opsagent.domain.priority import Priority
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed

SIGNATURE = "X-PagerDuty-Signature"
MAX_SIGNATURES = 20  # a subscription has one, two while its secret is changed
FIRING = frozenset({"incident.triggered", "incident.reopened", "incident.escalated", "incident.unacknowledged"})
RESOLVED = frozenset({"incident.resolved"})
OF_NO_CONDITION = ("incident.", "service.", "pagey.")  # what people did, and the ping of "Send test event"
URGENCIES = {"high": Priority.HIGH, "low": Priority.LOW}


class PagerDutySource:
    """Fulfils `ports.intake.SignalSource`."""

    def __init__(self, config: PagerDutyConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids

    @property
    def name(self) -> str:
        """`pagerduty`."""
        return "pagerduty"

    @property
    def proves(self) -> bool:
        """Whether a secret is set."""
        return bool(self._config.secret)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether one of the `v1=` signatures of the raw body is made with the secret; other versions are passed by."""
        given = [one.strip() for one in header(headers, SIGNATURE).split(",")[:MAX_SIGNATURES]]
        found = [signs(self._config.secret, raw, one[3:]) for one in given if one.startswith("v1=")]
        return any(found)

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:  # noqa: ARG002 - the port's
        """The signal of an event that says something about the incident's condition. InputError."""
        event = read_json(raw)["event"]
        kind = event["event_type"].text()
        if kind not in FIRING | RESOLVED:
            if kind.startswith(OF_NO_CONDITION):
                return Parsed(words=f"{kind[:100]} says nothing about the condition; nothing is done.")
            raise event["event_type"].refused("is no event that is known here", "Subscribe to incident events.")
        receipt = Receipt(source=self.name, tenant=tenant, now=now, new_id=self._ids.uuid)
        return apart([receipt.signal(_said(event, kind))])


def _said(event: Value, kind: str) -> Said:
    incident = event["data"]
    identity = incident["id"].text()
    if not identity:
        raise incident["id"].wrong("the id of an incident")
    service = _summary(incident["service"])
    title = incident["title"].text() or incident["summary"].text()
    urgency, priority = incident["urgency"].text(), _summary(incident["priority"])
    at = instant(event["occurred_at"])
    number = incident["number"].word()
    return Said(
        identity=identity,
        name=title or f"Incident {number or identity}",
        firing=kind in FIRING,
        moment=event["id"].text() or f"{kind}/{at}",
        title=title,
        description=_details(incident["body"]),
        priority=priority_of(priority) or URGENCIES.get(urgency),
        labels={
            "service": service,
            "urgency": urgency,
            "priority": priority,
            "incident": number,
            "incident_key": incident["incident_key"].text(),
            "escalation_policy": _summary(incident["escalation_policy"]),
        },
        annotations={"url": incident["html_url"].text()},
        starts_at=instant(incident["created_at"]) or at,
        ends_at=at,
    )


def _summary(reference: Value) -> str:
    """What a reference calls its object; empty where there is none."""
    return "" if reference.missing else reference["summary"].text()


def _details(body: Value) -> str:
    if body.missing or body["details"].missing:
        return ""
    details = body["details"]
    if isinstance(details.content, str):
        return details.text()
    return "\n".join(f"{name}: {details[name].content}" for name in list(details.object())[:50]).replace("\0", "\ufffd")
