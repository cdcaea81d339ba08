"""Maintenance freezes: times in which nothing is changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.freeze import Freeze
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Operator, Reader
from opsagent.web.bodies import ShortText, as_json, read_json, takes
from opsagent.web.catalogue_views import freeze_json
from opsagent.web.deps import deps_of
from opsagent.web.spans import Span

router = APIRouter(prefix="/api/v1/freezes", tags=["Control"])
FreezeId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class NewFreeze(Span):
    """From `startsAt` (now, where it is left out) until `endsAt` or for `durationSeconds`.

    No environment and no connection means: all.
    """

    reason: Annotated[ShortText, Field(min_length=1)]
    environments: Annotated[list[ShortText], Field(default_factory=list, max_length=50)]
    connections: Annotated[list[ShortText], Field(default_factory=list, max_length=200)]


@router.get("", summary="List freezes", responses={200: {"model": wire.FreezeList}})
async def list_freezes(request: Request, principal: Reader) -> Response:
    """Those that have not ended, by their start."""
    found = await deps_of(request).agent.stores.control.freezes(principal.tenant)
    return as_json({"freezes": [freeze_json(freeze) for freeze in found]})


@router.post(
    "", summary="Set a freeze", status_code=201, responses={201: {"model": wire.FreezeJson}},
    openapi_extra=takes(NewFreeze),
)  # fmt: skip
async def set_freeze(request: Request, principal: Operator) -> Response:
    """No effect starts meanwhile; reads, checks and the undo of what is under way go on."""
    body = await read_json(request, NewFreeze)
    deps = deps_of(request)
    starts, ends = body.span(deps.clock.now())
    freeze = Freeze(
        id=deps.ids.uuid(),
        tenant=principal.tenant,
        starts_at=starts,
        ends_at=ends,
        reason=body.reason,
        by=principal.id,
        environments=tuple(body.environments),
        connections=tuple(body.connections),
    )
    return as_json(freeze_json(await deps.agent.freeze(principal, freeze)), 201)


@router.delete("/{freeze_id}", summary="Lift a freeze", status_code=204)
async def lift_freeze(request: Request, principal: Operator, freeze_id: FreezeId) -> Response:
    """From now on effects may start again."""
    await deps_of(request).agent.lift(principal, freeze_id)
    return Response(status_code=204)
