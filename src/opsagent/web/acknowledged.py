"""Measures how long it takes until somebody looks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram
from starlette.requests import HTTPConnection

from opsagent.domain.escalation import Escalation

# From a minute to a day: what on-call agreements are written in.
_SECONDS = (60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)


class Reactions:
    """A histogram of the seconds from a fact until a person said that they are looking."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "opsagent_escalation_acknowledged_seconds",
            "Seconds until a person said that they are looking.",
            ("on", "priority"),
            buckets=_SECONDS,
            registry=registry,
        )

    def note(self, escalation: Escalation, by: str, since: float) -> None:
        """It is acknowledged; it counts where `by` did that, and not before `since` (epoch seconds)."""
        mine = escalation.acknowledged_by == by
        if mine and escalation.acknowledged_at is not None and escalation.acknowledged_at >= since:
            took = escalation.acknowledged_at - escalation.since
            self._seconds.labels(escalation.occasion.value, escalation.priority.value).observe(took)


def reactions_of(connection: HTTPConnection) -> Reactions:
    """The app's."""
    found = connection.app.state.reactions
    if not isinstance(found, Reactions):
        raise TypeError("the app was not made by create_app")
    return found
