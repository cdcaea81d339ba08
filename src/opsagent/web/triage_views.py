"""From noun to wire, continued: how automatic closing does, and what was deployed."""

from __future__ import annotations

from opsagent.domain.deployment import Deployment
from opsagent.domain.ending import Rate
from opsagent.domain.scoring import BUCKETS
from opsagent.loop.views import Standing
from opsagent.web import triage_wire as wire
from opsagent.web.views import iso


def quality_json(standing: Standing, days: int) -> wire.QualityJson:
    """How automatic closing did in the last so many days."""
    return {
        "mode": standing.mode.value,
        "threshold": standing.threshold,
        "days": days,
        "closed": _rate(standing.quality.closed),
        "shadow": _rate(standing.quality.shadow),
        "answers": [
            {"low": one.bucket / BUCKETS, "high": (one.bucket + 1) / BUCKETS, "real": one.real, "noise": one.noise}
            for one in standing.answers
        ],
    }


def deployment_json(deployment: Deployment) -> wire.DeploymentJson:
    """A deployment."""
    return {
        "deploymentId": deployment.id,
        "service": deployment.service,
        "environment": deployment.environment,
        "version": deployment.version,
        "at": iso(deployment.at),
        "by": deployment.by,
    }


def _rate(rate: Rate) -> wire.RateJson:
    low, high = rate.interval
    share = rate.rate
    return {
        "total": rate.total,
        "wrong": rate.wrong,
        "rate": None if share is None else round(share, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }
