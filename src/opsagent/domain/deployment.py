"""A new version of a service went live somewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was deployed where and when (epoch seconds). Evidence for triage; texts are outside data."""

    id: str
    tenant: str
    service: str
    environment: str
    version: str
    at: float
    by: str = ""
