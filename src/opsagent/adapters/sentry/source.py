"""Sentry's webhooks: issues, the alerts of issue rules, and metric alerts.

https://docs.sentry.io/organization/integrations/integration-platform/webhooks/
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.headers import header
from opsagent.adapters.intake.instants import instant
from opsagent.adapters.intake.saying import Receipt, Said, apart
from opsagent.adapters.intake.severity import priority_of
from opsagent.adapters.intake.signature import signs
from opsagent.adapters.sentry.config import SentryConfig
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed

SIGNATURE = "Sentry-Hook-Signature"
SILENT = ("installation", "comment", "error", "seer")  # an error that matters comes as an issue, or by a rule
ISSUE_FIRES, ISSUE_ENDS = frozenset({"created", "unresolved"}), frozenset({"resolved"})
ISSUE_SAYS_NOTHING = frozenset({"assigned", "unassigned", "archived", "ignored"})
METRIC_FIRES, METRIC_ENDS = frozenset({"critical", "warning", "open"}), frozenset({"resolved"})


class SentrySource:
    """Fulfils `ports.intake.SignalSource`.

    What a delivery is about, and whether it is one that came before, is read from its body, which is signed; Sentry's
    `Request-ID` is not.
    """

    def __init__(self, config: SentryConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids

    @property
    def name(self) -> str:
        """`sentry`."""
        return "sentry"

    @property
    def proves(self) -> bool:
        """Whether a secret is set."""
        return bool(self._config.secret)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether the raw body is signed with the client secret."""
        return signs(self._config.secret, raw, header(headers, SIGNATURE))

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:  # noqa: ARG002 - the port's
        """The signal of a delivery about a condition. InputError."""
        document = read_json(raw)
        body = hashlib.sha256(raw).hexdigest()
        action, data = document["action"], document["data"]
        said: Said | None = None
        if not data["metric_alert"].missing:
            said = _metric(action, data)
        elif not data["event"].missing:
            said = _event(data, body)
        elif not data["issue"].missing:
            said = _issue(action, data["issue"], body)
        elif not any(not data[one].missing for one in SILENT):
            raise data.refused("holds no issue, event or metric_alert", "Subscribe to issues and alerts.")
        if said is None:
            return Parsed(words=f"{action.text()[:100]} says nothing about a condition; nothing is done.")
        receipt = Receipt(source=self.name, tenant=tenant, now=now, new_id=self._ids.uuid)
        return apart([receipt.signal(said)])


def _issue(action: Value, issue: Value, body: str) -> Said | None:
    said = action.text()
    if said in ISSUE_SAYS_NOTHING:
        return None
    if said not in ISSUE_FIRES | ISSUE_ENDS:
        raise action.refused("is none that is known here", f"Known: {', '.join(sorted(ISSUE_FIRES | ISSUE_ENDS))}.")
    project = issue["project"]
    last_seen = instant(issue["lastSeen"])
    return Said(
        identity=f"issue-{_identity(issue['id'])}",
        name=issue["title"].text() or issue["shortId"].text(),
        firing=said in ISSUE_FIRES,
        moment=body,
        title=issue["title"].text(),
        description=issue["culprit"].text(),
        priority=priority_of(issue["priority"].text(), issue["level"].text()),
        labels={
            "project": "" if project.missing else project["slug"].text(),
            "issue": issue["shortId"].text(),
            "level": issue["level"].text(),
            "platform": issue["platform"].text(),
            "category": issue["issueCategory"].text(),
        },
        annotations={"url": issue["web_url"].text() or issue["permalink"].text()},
        starts_at=instant(issue["firstSeen"]),
        ends_at=last_seen,
    )


def _event(data: Value, body: str) -> Said:
    """An issue rule has fired; its identity is the issue's, so that the issue's own end is the end of it."""
    event = data["event"]
    return Said(
        identity=f"issue-{_identity(event['issue_id'])}",
        name=event["title"].text() or data["triggered_rule"].text(),
        firing=True,
        moment=event["event_id"].text() or body,
        title=event["title"].text(),
        description=event["message"].text() or event["culprit"].text(),
        priority=priority_of(event["level"].text()),
        environment=event["environment"].text(),
        labels={
            "rule": data["triggered_rule"].text(),
            "level": event["level"].text(),
            "platform": event["platform"].text(),
            "project": event["project"].word(),
            "release": event["release"].text(),
            **_tags(event["tags"]),
        },
        annotations={"url": event["web_url"].text()},
        starts_at=instant(event["datetime"]),
    )


def _metric(action: Value, data: Value) -> Said:
    said = action.text()
    if said not in METRIC_FIRES | METRIC_ENDS:
        raise action.refused("is none that is known here", f"Known: {', '.join(sorted(METRIC_FIRES | METRIC_ENDS))}.")
    alert = data["metric_alert"]
    rule = alert["alert_rule"]
    name = "" if rule.missing else rule["name"].text()
    title = data["description_title"].text() or alert["title"].text()
    environment = "" if rule.missing else rule["environment"].text()
    projects = [] if alert["projects"].missing else [project.word() for project in alert["projects"].list()]
    return Said(
        identity=f"metric-{_identity(rule['id'] if not rule.missing else alert['id'])}",
        name=name or title,
        firing=said in METRIC_FIRES,
        moment=f"{_identity(alert['id'])}/{said}/{alert['date_closed'].text()}",
        title=title,
        description=data["description_text"].text(),
        priority=priority_of(said),
        environment=environment,
        labels={
            "project": ", ".join(projects),
            "aggregate": "" if rule.missing else rule["aggregate"].text(),
            "query": "" if rule.missing else rule["query"].text(),
            "severity": said,
        },
        annotations={"url": data["web_url"].text()},
        starts_at=instant(alert["date_started"]),
        ends_at=instant(alert["date_closed"]),
    )


def _identity(value: Value) -> str:
    found = value.word()
    if not found:
        raise value.wrong("an id")
    return found


def _tags(value: Value) -> dict[str, str]:
    """Sentry writes tags as a list of pairs."""
    if value.missing:
        return {}
    pairs = [one.list() for one in value.list()]
    return {pair[0].word(): pair[1].word() for pair in pairs if len(pair) == 2}
