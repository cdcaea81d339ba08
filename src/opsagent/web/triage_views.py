"""From noun to wire, continued: how automatic closing does, and what was deployed."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.deployment import Deployment
from opsagent.domain.ending import Day, Rate, together
from opsagent.domain.scoring import BUCKETS
from opsagent.loop.views import Standing
from opsagent.web import triage_wire as wire
from opsagent.web.views import iso

DAY_S = 86400


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


def days_json(found: Sequence[Day], first: int, last: int) -> wire.DaysJson:
    """Each day from the first to the last, and all of them together."""
    known = {one.number: one for one in found}
    days = [known.get(number, Day(number=number)) for number in range(first, last + 1)]
    return {"days": [_day(one) for one in days], "together": _day(together(days))}


def _day(day: Day) -> wire.DayJson:
    fixed = day.fixed
    return {
        "date": iso(day.number * DAY_S)[:10],
        "repaired": day.repaired,
        "byItself": day.by_itself,
        "remained": day.remained,
        "unmeasured": day.unmeasured,
        "fixed": round(1 - fixed.rate, 4) if fixed.rate is not None else None,
        "secondsToDetect": day.detect_s,
        "secondsToRepair": day.repair_s,
        "closed": day.closed.total,
        "wrong": day.closed.wrong,
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
