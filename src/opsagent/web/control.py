"""The switches: stop everything, go on, and whether the agent acts or only suggests."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from opsagent.domain.identity import DEFAULT_TENANT, Permission, Principal
from opsagent.errors import Forbidden
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Admin, Operator, Reader
from opsagent.web.bodies import Body, as_json, read_json, takes
from opsagent.web.deps import deps_of

router = APIRouter(prefix="/api/v1/control", tags=["Control"])


class Extent(Body):
    """Only this tenant, or the whole installation (admins of the tenant `default` only)."""

    everywhere: bool = False


class Acting(Extent):
    """On: the agent acts within its policy. Off: it observes and suggests."""

    on: bool


@router.get("", summary="The switches", responses={200: {"model": wire.Switches}})
async def get_switches(request: Request, principal: Reader) -> Response:
    """What holds for the tenant now."""
    switches = await deps_of(request).agent.stores.control.switches(principal.tenant)
    return as_json(dict(switches))


@router.post(
    "/pause",
    summary="Stop all effects",
    responses={200: {"model": wire.Switches}},
    openapi_extra=takes(Extent, required=False),
)
async def pause(request: Request, principal: Operator) -> Response:
    """No new effect starts, and running ones are killed."""
    return await _switch(request, principal, "paused", await read_json(request, Extent, optional=True), on=True)


@router.post(
    "/resume",
    summary="Go on",
    responses={200: {"model": wire.Switches}},
    openapi_extra=takes(Extent, required=False),
)
async def resume(request: Request, principal: Operator) -> Response:
    """Ends this tenant's pause; `paused` stays true in the answer while the whole installation is paused."""
    return await _switch(request, principal, "paused", await read_json(request, Extent, optional=True), on=False)


@router.post(
    "/acting", summary="Act, or only suggest", responses={200: {"model": wire.Switches}}, openapi_extra=takes(Acting)
)
async def acting(request: Request, principal: Admin) -> Response:
    """A new installation observes and suggests until somebody switches this on."""
    body = await read_json(request, Acting)
    return await _switch(request, principal, "acting", body, on=body.on)


async def _switch(request: Request, principal: Principal, name: str, extent: Extent, *, on: bool) -> Response:
    owner = principal.may(Permission.ADMINISTER) and principal.tenant == DEFAULT_TENANT
    if extent.everywhere and not owner:
        raise Forbidden(
            "Only an admin of the tenant default switches the whole installation.",
            fix="Leave `everywhere` out to switch your own tenant.",
        )
    switches = await deps_of(request).agent.switch(principal, name, on=on, everywhere=extent.everywhere)
    return as_json(dict(switches))
