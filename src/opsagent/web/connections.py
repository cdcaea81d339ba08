"""Connections: the targets people registered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.command import Reach
from opsagent.domain.connection import BUILT_IN_SANDBOX, Connection
from opsagent.errors import Disabled, InputError
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Admin, Looker, Reader
from opsagent.web.bodies import Body, FieldName, LongText, ShortText, as_json, read_json, takes
from opsagent.web.catalogue_views import connection_json, tested_json
from opsagent.web.deps import deps_of

router = APIRouter(prefix="/api/v1/connections", tags=["Connections"])
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Name = Annotated[str, Path(pattern=NAME)]


class Registration(Body):
    """A target. `credential` names a secret; a secret's value is never part of a connection."""

    executor: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] = "shell"
    reach: Reach = Reach.SANDBOX
    environment: Annotated[ShortText, Field(min_length=1)] = "prod"
    labels: Annotated[dict[ShortText, ShortText], Field(default_factory=dict, max_length=50)]
    values: Annotated[dict[FieldName, LongText], Field(default_factory=dict, max_length=100)]
    hosts: Annotated[list[ShortText], Field(default_factory=list, max_length=100)]
    address: ShortText = ""
    options: Annotated[dict[FieldName, LongText], Field(default_factory=dict, max_length=50)]
    credential: ShortText = ""
    read_credential: ShortText = ""

    def connection(self, tenant: str, name: str, connection_id: str, now: float) -> Connection:
        """As it would be stored."""
        return Connection(
            id=connection_id,
            tenant=tenant,
            name=name,
            executor=self.executor,
            reach=self.reach,
            environment=self.environment,
            labels=self.labels,
            values=self.values,
            hosts=tuple(self.hosts),
            address=self.address,
            options=self.options,
            credential=self.credential,
            read_credential=self.read_credential,
            created_at=now,
            updated_at=now,
        )


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
    deps = deps_of(request)
    connection = body.connection(principal.tenant, name, deps.ids.uuid(), deps.clock.now())
    if deps.check_connection is not None:
        deps.check_connection(connection)
    return as_json(connection_json(await deps.agent.stores.connections.put(connection, principal.id)))


@router.delete("/{name}", summary="Remove a connection", status_code=204)
async def delete_connection(request: Request, principal: Admin, name: Name) -> Response:
    """Runs that need it from now on are refused or fail before any effect."""
    if name == BUILT_IN_SANDBOX:
        raise InputError("The sandbox is built in and cannot be removed.", fix="Leave it; it reaches nothing.")
    await deps_of(request).agent.stores.connections.delete(principal.tenant, name, principal.id)
    return Response(status_code=204)


@router.post("/{name}/test", summary="Really connect to a target", responses={200: {"model": wire.TestResult}})
async def test_connection(request: Request, principal: Looker, name: Name) -> Response:
    """Once with each of its accounts; nothing is changed there."""
    deps = deps_of(request)
    connection = await deps.agent.stores.connections.get(principal.tenant, name)
    if deps.test_connection is None:
        raise Disabled("Targets cannot be tried here.", fix="Ask the server that runs commands.")
    return as_json(tested_json(await deps.test_connection(connection)))
