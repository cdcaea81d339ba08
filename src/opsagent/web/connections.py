"""Connections: the targets people registered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.command import Reach
from opsagent.domain.connection import BUILT_IN_SANDBOX, Connection
from opsagent.errors import InputError
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Admin, Reader
from opsagent.web.bodies import Body, FieldName, LongText, ShortText, as_json, read_json, takes
from opsagent.web.catalogue_views import connection_json
from opsagent.web.deps import deps_of

router = APIRouter(prefix="/api/v1/connections", tags=["Connections"])
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Name = Annotated[str, Path(pattern=NAME)]
EXECUTORS = ("shell",)  # those that can carry anything out in this version


class Registration(Body):
    """A target. `credential` names a secret; a secret's value is never part of a connection."""

    executor: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] = "shell"
    reach: Reach = Reach.SANDBOX
    environment: Annotated[ShortText, Field(min_length=1)] = "prod"
    labels: Annotated[dict[ShortText, ShortText], Field(default_factory=dict, max_length=50)]
    values: Annotated[dict[FieldName, LongText], Field(default_factory=dict, max_length=100)]
    hosts: Annotated[list[ShortText], Field(default_factory=list, max_length=100)]
    credential: ShortText = ""


def check_executor(name: str) -> None:
    """Refuse an executor nobody has here: every run on that target would be denied. InputError."""
    if name not in EXECUTORS:
        raise InputError(f"There is no executor {name}.", fix=f"Known here: {', '.join(EXECUTORS)}.")


@router.get("", summary="List connections", responses={200: {"model": wire.ConnectionList}})
async def list_connections(request: Request, principal: Reader) -> Response:
    """By name, the built-in sandbox included."""
    connections = await deps_of(request).agent.stores.connections.list(principal.tenant)
    return as_json({"connections": [connection_json(connection) for connection in connections]})


@router.get("/{name}", summary="One connection", responses={200: {"model": wire.ConnectionJson}})
async def get_connection(request: Request, principal: Reader, name: Name) -> Response:
    """What it reaches, and by which credential's name."""
    return as_json(connection_json(await deps_of(request).agent.stores.connections.get(principal.tenant, name)))


@router.put(
    "/{name}",
    summary="Register a connection",
    responses={200: {"model": wire.ConnectionJson}},
    openapi_extra=takes(Registration),
)
async def put_connection(request: Request, principal: Admin, name: Name) -> Response:
    """An existing name gets a new version: approvals given for the old one do not carry over."""
    body = await read_json(request, Registration)
    if name == BUILT_IN_SANDBOX:
        raise InputError("The sandbox is built in and cannot be changed.", fix="Choose another name.")
    check_executor(body.executor)
    deps = deps_of(request)
    now = deps.clock.now()
    connection = Connection(
        id=deps.ids.uuid(),
        tenant=principal.tenant,
        name=name,
        executor=body.executor,
        reach=body.reach,
        environment=body.environment,
        labels=body.labels,
        values=body.values,
        hosts=tuple(body.hosts),
        credential=body.credential,
        created_at=now,
        updated_at=now,
    )
    return as_json(connection_json(await deps.agent.stores.connections.put(connection, principal.id)))


@router.delete("/{name}", summary="Remove a connection", status_code=204)
async def delete_connection(request: Request, principal: Admin, name: Name) -> Response:
    """Runs that need it from now on are refused or fail before any effect."""
    if name == BUILT_IN_SANDBOX:
        raise InputError("The sandbox is built in and cannot be removed.", fix="Leave it; it reaches nothing.")
    await deps_of(request).agent.stores.connections.delete(principal.tenant, name, principal.id)
    return Response(status_code=204)
