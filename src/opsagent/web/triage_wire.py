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
