"""The shapes of triage on the wire: how automatic closing does, and what was deployed."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class RateJson(TypedDict):
    """How often something was wrong; `low` to `high` holds the truth 95 times of 100; null while nothing is known."""

    total: int
    wrong: int
    rate: float | None
    low: float
    high: float


class AnswersJson(TypedDict):
    """What people said of tickets whose score lay from `low` to `high`."""

    low: float
    high: float
    real: int
    noise: int


class QualityJson(TypedDict):
    """How automatic closing does. `closed` is what it closed, `shadow` what it would have."""

    mode: str
    threshold: float
    days: int
    closed: RateJson
    shadow: RateJson
    answers: list[AnswersJson]


class DayJson(TypedDict):
    """The looks that ended on one day. `fixed`: of the problems that stayed, the share that was repaired.

    Seconds are means, null where there were none: to detect, from when a problem began until its ticket; to repair,
    from its ticket until it was measured healthy after an effect. Of `closed` without a person, `wrong` were not over.
    """

    date: str
    repaired: int
    byItself: int
    remained: int
    unmeasured: int
    fixed: float | None
    secondsToDetect: float | None
    secondsToRepair: float | None
    closed: int
    wrong: int


class DaysJson(TypedDict):
    """Each day, the oldest first, and all of them together (`date` is then the last)."""

    days: list[DayJson]
    together: DayJson


class DeploymentJson(TypedDict):
    """A new version of a service went live."""

    deploymentId: str
    service: str
    environment: str
    version: str
    at: str
    by: str


class DeploymentList(TypedDict):
    """Newest first."""

    deployments: list[DeploymentJson]
