"""Credentials: their names, kinds and uses; a value goes in and never comes out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field, SecretStr
from starlette.responses import Response

from opsagent.domain.credential import Credential, CredentialKind, Keeper
from opsagent.errors import Disabled
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Admin
from opsagent.web.bodies import Body, FieldName, ShortText, as_json, read_json, takes
from opsagent.web.catalogue_views import credential_json
from opsagent.web.deps import CredentialKeeper, WebDeps, deps_of

router = APIRouter(prefix="/api/v1/credentials", tags=["Credentials"])
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Name = Annotated[str, Path(pattern=NAME)]


class NewCredential(Body):
    """`values` are the fields of the kind; with another `keeper` than `store`, `reference` says where they lie."""

    kind: CredentialKind
    keeper: Keeper = Keeper.STORE
    reference: ShortText = ""
    connections: Annotated[list[ShortText], Field(default_factory=list, max_length=200)]
    values: Annotated[dict[FieldName, SecretStr], Field(default_factory=dict, max_length=10)]


@router.get("", summary="List credentials", responses={200: {"model": wire.CredentialList}})
async def list_credentials(request: Request, principal: Admin) -> Response:
    """By name, without values."""
    found = await deps_of(request).agent.stores.credentials.list(principal.tenant)
    return as_json({"credentials": [credential_json(one) for one in found]})


@router.post("/rotate-key", summary="Seal all values with the present key", responses={200: {"model": wire.Rotated}})
async def rotate_key(request: Request, principal: Admin) -> Response:
    """After it the former keys are not needed any more. Everything goes on meanwhile."""
    return as_json({"resealed": await _keeper(deps_of(request)).rotate_key(principal.tenant)})


@router.get("/{name}", summary="One credential", responses={200: {"model": wire.CredentialJson}})
async def get_credential(request: Request, principal: Admin, name: Name) -> Response:
    """Its kind, who may use it, and when it was last used."""
    return as_json(credential_json(await deps_of(request).agent.stores.credentials.get(principal.tenant, name)))


@router.put(
    "/{name}",
    summary="Store a credential",
    responses={200: {"model": wire.CredentialJson}},
    openapi_extra=takes(NewCredential),
)
async def put_credential(request: Request, principal: Admin, name: Name) -> Response:
    """A new value is a new version: approvals given for the old one do not carry over."""
    body = await read_json(request, NewCredential)
    credential = Credential(
        id="",
        tenant=principal.tenant,
        name=name,
        kind=body.kind,
        keeper=body.keeper,
        reference=body.reference,
        connections=tuple(body.connections),
    )
    values = {field: value.get_secret_value() for field, value in body.values.items()}
    return as_json(credential_json(await _keeper(deps_of(request)).keep(credential, values, principal.id)))


@router.delete("/{name}", summary="Remove a credential", status_code=204)
async def delete_credential(request: Request, principal: Admin, name: Name) -> Response:
    """Its value is gone; what needs it is denied from now on."""
    await deps_of(request).agent.stores.credentials.delete(principal.tenant, name, principal.id)
    return Response(status_code=204)


def _keeper(deps: WebDeps) -> CredentialKeeper:
    if deps.credentials is None:
        raise Disabled("No credential is kept here.", fix="Ask the server that runs commands.")
    return deps.credentials
