"""What was spent on models, day by day, and by which model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on

from opsagent.domain.spending import MICROS, Amount, DaySpent
from opsagent.web.auth import Reader
from opsagent.web.bodies import as_json
from opsagent.web.deps import deps_of

router = APIRouter(prefix="/api/v1", tags=["Models"])


class ModelSpentJson(TypedDict):
    """One model's part of a day; `cost` is in the currency of the prices that were set, 0 without any."""

    model: str
    tokens: int
    cost: float


class DaySpentJson(TypedDict):
    """A day in UTC."""

    day: str
    tokens: int
    cost: float
    models: list[ModelSpentJson]


class SpendingJson(TypedDict):
    """The newest day first; a day in which nothing was asked is left out."""

    days: list[DaySpentJson]


def first_day(now: float, days: int) -> str:
    """The first of so many days, today the last of them."""
    return (datetime.fromtimestamp(now, UTC).date() - timedelta(days=days - 1)).isoformat()


def spending_json(found: Sequence[DaySpent]) -> SpendingJson:
    """Days as they are told."""
    return {"days": [_day(one) for one in found]}


@router.get("/spending", summary="What was spent on models", responses={200: {"model": SpendingJson}})
async def spending(
    request: Request, principal: Reader, days: Annotated[int, Query(ge=1, le=3650, description="How far back.")] = 30
) -> Response:
    """By day (UTC) and model. A question that is under way, or whose cost nobody told, is counted at its most."""
    deps = deps_of(request)
    since = first_day(deps.clock.now(), days)
    return as_json(spending_json(await deps.agent.stores.spending.days(principal.tenant, since=since)))


def _day(one: DaySpent) -> DaySpentJson:
    models: list[ModelSpentJson] = [
        {"model": name, "tokens": part.tokens, "cost": _cost(part)} for name, part in one.models.items()
    ]
    return {"day": one.day, "tokens": one.whole.tokens, "cost": _cost(one.whole), "models": models}


def _cost(amount: Amount) -> float:
    return amount.micros / MICROS
