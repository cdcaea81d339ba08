"""From noun to wire, continued: escalations."""

from __future__ import annotations

from opsagent.domain.escalation import Escalation
from opsagent.domain.page import Page
from opsagent.web import escalation_wire as wire
from opsagent.web.views import iso, iso_or_none


def escalation_json(one: Escalation) -> wire.EscalationJson:
    """An escalation, and how far it has come."""
    return {
        "escalationId": one.id,
        "policy": one.policy,
        "policyVersion": one.policy_version,
        "on": one.occasion.value,
        "subject": one.subject,
        "runId": one.run_id or None,
        "ticketId": one.ticket_id or None,
        "title": one.title,
        "priority": one.priority.value,
        "environment": one.environment,
        "since": iso(one.since),
        "beganAt": iso(one.began_at),
        "step": one.step + 1,
        "telling": one.told + 1,
        "nextAt": iso_or_none(one.next_at),
        "lastToldAt": iso_or_none(one.last_told_at),
        "acknowledgedBy": one.acknowledged_by or None,
        "acknowledgedAt": iso_or_none(one.acknowledged_at),
        "acknowledgedAfterSeconds": None if one.acknowledged_at is None else one.acknowledged_at - one.since,
        "endedAt": iso_or_none(one.ended_at),
        "ended": one.ended.value if one.ended is not None else None,
    }


def escalation_list(page: Page[Escalation]) -> wire.EscalationList:
    """A page of them."""
    cursor = page.cursor or None
    return {"escalations": [escalation_json(one) for one in page.items], "nextCursor": cursor, "lastKey": cursor}
