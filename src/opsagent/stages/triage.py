"""Triage: weigh what was measured and what is remembered into a conclusion people can check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from opsagent.domain.deployment import Deployment
from opsagent.domain.ending import History, How
from opsagent.domain.reading import Reading
from opsagent.domain.scoring import MOST, Answers, calibrated, score
from opsagent.domain.ticket import Assessment, Classification, Evidence, Member, Ticket

# In natural log-odds; where the numbers come from, and how they are corrected, stands in `domain/scoring.py`.
ONCE = 0.5  # how much of a measurement's weight one healthy sample has, with no window behind it
RECURRED = 1.0  # for each time it came back after it was closed
FIRST_ALONGSIDE, NEXT_ALONGSIDE = 0.7, 0.3  # other alerts of the same service
DEPLOYED_S = 7200.0  # a deployment says most when it has just happened, and nothing after this many seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known around a problem: its earlier looks, other alerts of its service that fire, deployments before it.

    `answers` are what people of this tenant said of earlier scores. `opinions` are those of models.
    """

    history: History = field(default_factory=History)
    alongside: Sequence[Member] = ()
    deployments: Sequence[Deployment] = ()
    answers: Sequence[Answers] = ()
    opinions: Sequence[Evidence] = ()


def triage(ticket: Ticket, reading: Reading, context: Context, *, now: float) -> Assessment:
    """The assessment. A measurement classifies; everything else moves only the confidence."""
    evidence = (
        _measured(reading),
        *_history(context.history),
        *_feedback(context.history),
        *_recurred(ticket),
        *_alongside(context.alongside),
        *_deployed(ticket, context.deployments),
        *context.opinions,
    )
    raw = score(evidence)
    real = calibrated(raw, context.answers)
    classification = {True: Classification.FALSE_POSITIVE, False: Classification.TRUE_POSITIVE, None: None}[
        reading.healthy
    ]
    if classification is None:
        classification, confidence = Classification.UNCERTAIN, max(real, 1 - real)
    else:
        confidence = real if classification is Classification.TRUE_POSITIVE else 1 - real
    return Assessment(
        classification=classification,
        confidence=round(confidence, 4),
        evidence=evidence + _calibration(raw, real, context.answers),
        measured=reading.healthy is not None,
        at=now,
        score=round(raw, 4),
        window_s=reading.window_s if reading.healthy else 0.0,
    )


def _measured(reading: Reading) -> Evidence:
    most = MOST["measurement"]
    healthy = -most if reading.window_s > 0 else -most * ONCE
    return Evidence(
        kind="measurement", text=reading.text, weight={True: healthy, False: most, None: 0.0}[reading.healthy]
    )


def _history(history: History) -> list[Evidence]:
    known = [how for how in history.endings if how is not How.UNMEASURED]
    if not known:
        happened = "measured" if history.endings else "seen"
        return [Evidence(kind="history", text=f"Nothing like it has been {happened} before.", weight=0.0)]
    alone = sum(how is How.BY_ITSELF for how in known)
    if len(known) == 1:
        text = "The last time this went away by itself." if alone else "The last time this did not go away by itself."
    else:
        text = f"{alone} of the last {len(known)} times this went away by itself."
    repaired = sum(how is How.REPAIRED for how in known)
    if repaired:
        text += f" It was repaired {repaired} time{'s' if repaired > 1 else ''}."
    return [Evidence(kind="history", text=text, weight=_odds(len(known) - alone, alone, MOST["history"]))]


def _feedback(history: History) -> list[Evidence]:
    if not history.real and not history.noise:
        return []
    text = f"People said {history.real} times that it is real and {history.noise} times that it is noise."
    if history.last_word:
        text += f" The last word: {history.last_word}"
    return [Evidence(kind="feedback", text=text, weight=_odds(history.real, history.noise, MOST["feedback"]))]


def _recurred(ticket: Ticket) -> list[Evidence]:
    if not ticket.recurrences:
        return []
    times = "once" if ticket.recurrences == 1 else f"{ticket.recurrences} times"
    weight = min(MOST["recurrence"], RECURRED * ticket.recurrences)
    return [Evidence(kind="recurrence", text=f"It came back {times} after it was closed.", weight=weight)]


def _alongside(others: Sequence[Member]) -> list[Evidence]:
    if not others:
        return []
    names = sorted({one.name for one in others})
    shown = ", ".join(names[:5]) + (", and others" if len(names) > 5 else "")
    weight = min(MOST["corroboration"], FIRST_ALONGSIDE + NEXT_ALONGSIDE * (len(others) - 1))
    text = f"{len(others)} other alert{'s' if len(others) > 1 else ''} of the same service fire: {shown}."
    return [Evidence(kind="corroboration", text=text, weight=round(weight, 2))]


def _deployed(ticket: Ticket, deployments: Sequence[Deployment]) -> list[Evidence]:
    before = [one for one in deployments if 0 <= ticket.created_at - one.at < DEPLOYED_S]
    if not before:
        return []
    last = max(before, key=lambda one: (one.at, one.id))
    since = ticket.created_at - last.at
    weight = MOST["deployment"] * (1 - since / DEPLOYED_S)
    text = f"Version {last.version} of {last.service} was deployed {round(since / 60)} min before it began."
    return [Evidence(kind="deployment", text=text, weight=round(weight, 2))]


def _calibration(raw: float, real: float, answers: Sequence[Answers]) -> tuple[Evidence, ...]:
    """What people said of earlier scores, in words; it weighs nothing, it has corrected the whole."""
    said = sum(one.real + one.noise for one in answers)
    if not said:
        return ()
    text = f"By what people said {said} times, {real:.0%} of problems with a score of {raw:.2f} are real."
    return (Evidence(kind="calibration", text=text, weight=0.0),)


def _odds(real: int, noise: int, most: float) -> float:
    """The log-odds of two counts, each with one added so that few cases say little."""
    return round(max(-most, min(most, math.log((real + 1) / (noise + 1)))), 2)
