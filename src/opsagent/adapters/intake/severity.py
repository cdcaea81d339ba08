"""What the words of monitoring systems for "how bad" are here."""

from __future__ import annotations

from collections.abc import Mapping

from opsagent.domain.priority import Priority

# P1 to P5 and SEV1 to SEV5 as PagerDuty, Datadog and Opsgenie use them; disaster, average and the like are Zabbix'.
PRIORITIES: Mapping[str, Priority] = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "disaster", "alert", "p1", "sev1"), Priority.CRITICAL),
    **dict.fromkeys(("error", "high", "major", "severe", "p2", "sev2"), Priority.HIGH),
    **dict.fromkeys(("warning", "warn", "medium", "moderate", "average", "p3", "sev3"), Priority.MEDIUM),
    **dict.fromkeys(("info", "information", "informational", "notice", "none", "low", "minor", "debug"), Priority.LOW),
    **dict.fromkeys(("p4", "sev4", "p5", "sev5", "not classified"), Priority.LOW),
}


def priority_of(*words: str) -> Priority | None:
    """The priority of the first word that is known, or None."""
    for word in words:
        found = PRIORITIES.get(word.strip().lower())
        if found is not None:
            return found
    return None
