"""One problem: the signals that make it up, what triage concluded, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opsagent.domain.priority import Priority


class SignalStatus(StrEnum):
    """Whether the observation says the condition holds or has gone."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One observation. Labels, annotations and texts are outside data: they select, they never form a command.

    `delivery` identifies this delivery, so that the same one handed in twice counts once. Times are epoch seconds.
    """

    id: str
    tenant: str
    source: str
    fingerprint: str
    name: str
    status: SignalStatus
    delivery: str
    title: str = ""
    description: str = ""
    priority: Priority = Priority.MEDIUM
    environment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: float | None = None
    ends_at: float | None = None
    received_at: float = 0.0


class TicketStatus(StrEnum):
    """Where a ticket stands."""

    OPEN = "open"  # a run is looking at it, or will
    ESCALATED = "escalated"  # a person is needed
    RESOLVED = "resolved"  # measured healthy after a repair
    CLOSED = "closed"  # measured healthy without one (false positive), or closed by a person


OPEN_STATUSES = frozenset({TicketStatus.OPEN, TicketStatus.ESCALATED})


class Classification(StrEnum):
    """What triage concluded."""

    FALSE_POSITIVE = "false_positive"
    TRUE_POSITIVE = "true_positive"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing triage looked at: what it was, what it showed, and which way it points.

    `weight` is in natural log-odds: above 0 for a real problem, below for noise; see `domain/scoring.py`.
    """

    kind: str
    text: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The conclusion of triage: a classification, a confidence from 0 to 1, and the evidence in words.

    `score` is how likely the problem is real by the evidence alone; `confidence` is about the classification, after
    what people said of earlier scores. `window_s`: seconds over which a measured condition was healthy.
    """

    classification: Classification
    confidence: float
    evidence: tuple[Evidence, ...]
    measured: bool = False
    at: float = 0.0
    score: float = 0.5
    window_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One alert of a ticket, by its fingerprint: what it said last, and whether it fires.

    `changes` are the times (epoch seconds) at which it went from firing to resolved or back, the latest ones.
    `looked`: a run has looked at this one. Labels and texts are outside data.
    """

    fingerprint: str
    name: str
    firing: bool
    title: str = ""
    description: str = ""
    priority: Priority = Priority.MEDIUM
    environment: str = ""
    service: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    signals: int = 1
    first_at: float = 0.0
    last_at: float = 0.0
    changes: tuple[float, ...] = ()
    looked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One problem: many signals of one alert, or of several that a rule says are one (`grouping` says which).

    `fingerprint`, name, title, labels and texts are those of the alert that leads it: runs look at that one. It has
    `members` alerts, of which `members_firing` fire; it fires while one of them does. `recurrences` counts how often
    it came back after it was closed; until `flapping_until` it is known to come and go. `version` grows with every
    save.

    `taken_by` is the person who has taken it over: until they hand it back the agent changes nothing. `silenced` says
    who silenced its newest firing signal, if somebody did: that one started no run. `merged_into` is the ticket that a
    person said is the same problem: this one is closed for good, and its alerts and signals are there. `began_at` is
    when its first signal says that it began, None where that is not known or more than a day before.
    """

    id: str
    tenant: str
    fingerprint: str
    name: str
    title: str
    source: str
    description: str = ""
    priority: Priority = Priority.MEDIUM
    environment: str = ""
    status: TicketStatus = TicketStatus.OPEN
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    assessment: Assessment | None = None
    signals: int = 0
    firing: bool = True
    service: str = ""
    grouping: str = ""
    members: int = 1
    members_firing: int = 1
    recurrences: int = 0
    flapping_until: float = 0.0
    run_id: str = ""
    taken_by: str = ""
    silenced: str = ""
    merged_into: str = ""
    reason: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    closed_at: float | None = None
    began_at: float | None = None
    version: int = 1
