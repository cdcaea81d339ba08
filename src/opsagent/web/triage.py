"""How automatic closing does, and the deployments that triage takes into account."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from opsagent.domain.deployment import Deployment
from opsagent.web import triage_wire as wire
from opsagent.web.auth import Poster, Reader
from opsagent.web.bodies import Body, ShortText, as_json, idempotency_key, read_json, takes
from opsagent.web.deps import deps_of
from opsagent.web.triage_views import DAY_S, days_json, deployment_json, quality_json

router = APIRouter(prefix="/api/v1", tags=["Triage"])


class NewDeployment(Body):
    """What went live where; `at` is now where it is left out."""

    service: Annotated[ShortText, Field(min_length=1)]
    version: Annotated[ShortText, Field(min_length=1)]
    environment: ShortText = ""
    at: AwareDatetime | None = None


@router.get("/triage/quality", summary="How automatic closing does", responses={200: {"model": wire.QualityJson}})
async def quality(
    request: Request, principal: Reader, days: Annotated[int, Query(ge=1, le=3650, description="How far back.")] = 30
) -> Response:
    """What was closed without a person, what of it was wrong, and what would have been closed in shadow."""
    return as_json(quality_json(await deps_of(request).agent.quality(principal.tenant, days=days), days))


@router.get("/triage/days", summary="How it went, day by day", responses={200: {"model": wire.DaysJson}})
async def days(
    request: Request, principal: Reader, days: Annotated[int, Query(ge=1, le=366, description="How many.")] = 30
) -> Response:
    """Repaired or not, time to detect and to repair, and closing without a person; the days are those of UTC.

    Counted are looks that ended: a run about a ticket. Every day is there, also those on which nothing was.
    """
    deps = deps_of(request)
    today = int(deps.clock.now() // DAY_S)
    found = await deps.agent.stores.triage.days(principal.tenant, since=today - days + 1)
    return as_json(days_json(found, today - days + 1, today))


@router.post(
    "/deployments",
    summary="Report a deployment",
    status_code=201,
    responses={201: {"model": wire.DeploymentJson}},
    openapi_extra=takes(NewDeployment, idempotent=True),
)
async def deployed(request: Request, principal: Poster) -> Response:
    """Evidence for triage: what begins soon after a deployment is more likely real. It starts nothing."""
    body = await read_json(request, NewDeployment)
    deps = deps_of(request)
    key = idempotency_key(request)
    deployment = Deployment(
        id=deps.ids.uuid() if key is None else hashlib.sha256(f"key:{key}".encode()).hexdigest()[:32],
        tenant=principal.tenant,
        service=body.service,
        environment=body.environment,
        version=body.version,
        at=body.at.timestamp() if body.at else deps.clock.now(),
        by=principal.id,
    )
    return as_json(deployment_json(await deps.agent.deployed(deployment)), 201)


@router.get("/deployments", summary="List deployments", responses={200: {"model": wire.DeploymentList}})
async def list_deployments(
    request: Request,
    principal: Reader,
    service: Annotated[str, Query(max_length=500)] = "",
    environment: Annotated[str, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Newest first."""
    found = await deps_of(request).agent.stores.deployments.list(
        principal.tenant, service=service, environment=environment, limit=limit
    )
    return as_json({"deployments": [deployment_json(one) for one in found]})
