"""Triage: weigh what was measured and what is remembered into a conclusion people can check."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.reading import Reading
from opsagent.domain.ticket import Assessment, Classification, Evidence, Ticket, TicketStatus

MEASURED_CONFIDENCE = 0.95  # measuring can itself be wrong (a probe from the wrong side); never 1.0
REMEMBERED_SHARE = 0.3  # how far history alone may move an unmeasured alert from 0.5


def triage(reading: Reading, history: Sequence[Ticket], *, now: float) -> Assessment:
    """The assessment. A measurement decides; history only colours what could not be measured."""
    evidence = [_measured(reading), *_remembered(history)]
    if reading.healthy is True:
        return Assessment(
            classification=Classification.FALSE_POSITIVE,
            confidence=MEASURED_CONFIDENCE,
            evidence=tuple(evidence),
            measured=True,
            at=now,
        )
    if reading.healthy is False:
        return Assessment(
            classification=Classification.TRUE_POSITIVE,
            confidence=MEASURED_CONFIDENCE,
            evidence=tuple(evidence),
            measured=True,
            at=now,
        )
    noise = [ticket for ticket in history if ticket.status is TicketStatus.CLOSED]
    confidence = 0.5 + (REMEMBERED_SHARE * len(noise) / len(history) if history else 0.0)
    return Assessment(
        classification=Classification.UNCERTAIN, confidence=round(confidence, 2), evidence=tuple(evidence), at=now
    )


def _measured(reading: Reading) -> Evidence:
    weight = {True: -1.0, False: 1.0, None: 0.0}[reading.healthy]
    return Evidence(kind="measurement", text=reading.text, weight=weight)


def _remembered(history: Sequence[Ticket]) -> list[Evidence]:
    if not history:
        return [Evidence(kind="history", text="Nothing like it has been seen before.", weight=0.0)]
    real = sum(ticket.status is TicketStatus.RESOLVED for ticket in history)
    noise = sum(ticket.status is TicketStatus.CLOSED for ticket in history)
    return [
        Evidence(
            kind="history",
            text=f"Seen {len(history)} times before: {real} repaired, {noise} closed without a repair.",
            weight=round((real - noise) / len(history), 2),
        )
    ]
