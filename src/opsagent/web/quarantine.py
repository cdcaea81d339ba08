"""Quarantine: deliveries of monitoring systems that could not be read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from opsagent.web import catalogue_wire, intake_wire
from opsagent.web.auth import Looker, Operator
from opsagent.web.bodies import as_json
from opsagent.web.deps import deps_of
from opsagent.web.intake_views import quarantine_list, quarantined_detail, taken_json

router = APIRouter(prefix="/api/v1/quarantine", tags=["Tickets"])
DeliveryId = Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$")]


@router.get(
    "", summary="List deliveries that could not be read", responses={200: {"model": intake_wire.QuarantineList}}
)
async def list_quarantine(request: Request, principal: Looker) -> Response:
    """The latest first, without their bodies; the oldest of a tenant go beyond 200 of them, or 64 MiB."""
    return as_json(quarantine_list(await deps_of(request).agent.stores.quarantine.list(principal.tenant)))


@router.get(
    "/{delivery_id}",
    summary="One delivery that could not be read",
    responses={200: {"model": intake_wire.QuarantinedDetail}},
)
async def get_quarantined(request: Request, principal: Looker, delivery_id: DeliveryId) -> Response:
    """With its body, as it came; headers that may be secret were never kept."""
    found = await deps_of(request).agent.stores.quarantine.get(principal.tenant, delivery_id)
    return as_json(quarantined_detail(found))


@router.post(
    "/{delivery_id}/replay",
    summary="Read a delivery again",
    responses={200: {"model": catalogue_wire.Received}},
)
async def replay(request: Request, principal: Operator, delivery_id: DeliveryId) -> Response:
    """After a mapping was mended, say. When it can be read it becomes tickets and leaves the quarantine."""
    return as_json(taken_json(await deps_of(request).intake.replay(principal, delivery_id)))


@router.delete("/{delivery_id}", summary="Forget a delivery", status_code=204)
async def forget(request: Request, principal: Operator, delivery_id: DeliveryId) -> Response:
    """It is gone for good; that somebody removed it is in the audit record."""
    await deps_of(request).intake.forget(principal, delivery_id)
    return Response(status_code=204)
