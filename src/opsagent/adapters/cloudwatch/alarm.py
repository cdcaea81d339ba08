"""Reads a CloudWatch alarm's state change.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
"""

from __future__ import annotations

import re

from opsagent.adapters.intake.document import Value
from opsagent.adapters.intake.instants import instant
from opsagent.adapters.intake.saying import Said
from opsagent.adapters.intake.severity import priority_of

STATES = frozenset({"ALARM", "OK", "INSUFFICIENT_DATA"})
# An alarm has no severity of its own, so teams write one into its description or its name.
_SEVERITY = re.compile(
    r"(?:severity|priority)\s{0,3}[:=]\s{0,3}([A-Za-z0-9]{1,20})|\b(P[1-5]|SEV[1-5])\b", re.IGNORECASE
)


def said_of(alarm: Value) -> Said | None:
    """What the alarm says; None when it has too little data to say anything. InputError."""
    name, state = alarm["AlarmName"].text(), alarm["NewStateValue"].text()
    if not name:
        raise alarm["AlarmName"].wrong("the name of an alarm")
    if state not in STATES:
        raise alarm["NewStateValue"].refused("is no state of an alarm", f"Send {', '.join(sorted(STATES))}.")
    if state == "INSUFFICIENT_DATA":
        return None
    at = instant(alarm["StateChangeTime"])
    region, account = alarm["Region"].text(), alarm["AWSAccountId"].word()
    description = alarm["AlarmDescription"].text()
    found = _SEVERITY.search(description) or _SEVERITY.search(name)
    return Said(
        identity=alarm["AlarmArn"].text() or f"{account}/{region}/{name}",
        name=name,
        firing=state == "ALARM",
        moment=f"{state}/{alarm['StateChangeTime'].text()}",
        title=name,
        description="\n".join(text for text in (description, alarm["NewStateReason"].text()) if text),
        priority=priority_of(found[1] or found[2]) if found else None,
        labels={"account": account, "region": region, **_trigger(alarm["Trigger"])},
        annotations={"alarm_arn": alarm["AlarmArn"].text()},
        starts_at=at,
        ends_at=at,
    )


def _trigger(trigger: Value) -> dict[str, str]:
    """The metric and its dimensions; an alarm over several metrics has none of its own."""
    if trigger.missing:
        return {}
    labels = {"namespace": trigger["Namespace"].text(), "metric": trigger["MetricName"].text()}
    dimensions = [] if trigger["Dimensions"].missing else trigger["Dimensions"].list()
    for one in dimensions:
        labels[one["name"].text()] = one["value"].word()
    return labels
