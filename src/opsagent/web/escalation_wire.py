"""The shapes of escalations on the wire."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class EscalationJson(TypedDict):
    """An escalation. `step` and `telling` (both from 1) come next, at `nextAt`; `ended` says why nobody is told more.

    `acknowledgedAfterSeconds` counts from when the fact came about, or came about anew.
    """

    escalationId: str
    policy: str
    policyVersion: str
    on: str
    subject: str
    runId: str | None
    ticketId: str | None
    title: str
    priority: str
    environment: str
    since: str
    beganAt: str
    step: int
    telling: int
    nextAt: str | None
    lastToldAt: str | None
    acknowledgedBy: str | None
    acknowledgedAt: str | None
    acknowledgedAfterSeconds: float | None
    endedAt: str | None
    ended: str | None


class EscalationList(TypedDict):
    """A page of escalations, newest first."""

    escalations: list[EscalationJson]
    nextCursor: str | None
    lastKey: str | None
