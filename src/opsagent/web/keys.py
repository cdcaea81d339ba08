"""API keys: make one, list them, end one; admins only, and a key for a person only by a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.identity import ApiKey, PrincipalKind, Role, sha256
from opsagent.errors import Forbidden, InputError
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import KEY_PREFIX, Admin, keyring_of
from opsagent.web.bodies import Body, as_json, read_json, takes
from opsagent.web.catalogue_views import key_json
from opsagent.web.deps import deps_of

router = APIRouter(prefix="/api/v1/keys", tags=["Keys"])
NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}$"


class KeyRequest(Body):
    """Whom the key is for. A `person` may decide approvals if the role says so; a `service` never does."""

    name: Annotated[str, Field(pattern=NAME, description="Shown on timelines and in the audit record.")]
    role: Role
    kind: PrincipalKind = PrincipalKind.SERVICE


@router.get("", summary="List keys", responses={200: {"model": wire.KeyList}})
async def list_keys(request: Request, principal: Admin) -> Response:
    """All of the tenant, revoked ones too; never a secret."""
    keys = await deps_of(request).agent.stores.keys.list(principal.tenant)
    return as_json({"keys": [key_json(key) for key in keys]})


@router.post(
    "",
    summary="Make a key",
    status_code=201,
    responses={201: {"model": wire.NewKey}},
    openapi_extra=takes(KeyRequest),
)
async def create_key(request: Request, principal: Admin) -> Response:
    """Its secret is in this answer and nowhere else: only a hash is kept.

    Takes no Idempotency-Key, because the secret could not be shown a second time. Only a person makes a key of kind
    `person`: a service that could make itself one would approve its own effects.
    """
    body = await read_json(request, KeyRequest)
    if body.kind is PrincipalKind.PERSON and principal.kind is not PrincipalKind.PERSON:
        raise Forbidden(
            f"{principal.id} is a service; only a person makes a key for a person.",
            fix="Ask for kind service, or have an admin make it: opsagent keys create --person --role ROLE",
        )
    if body.role is Role.APPROVER and body.kind is PrincipalKind.SERVICE:
        raise InputError("Only a person approves.", fix="Use kind person, or the role operator for a service.")
    deps = deps_of(request)
    secret = KEY_PREFIX + deps.ids.secret()
    key = ApiKey(
        id=deps.ids.uuid(),
        tenant=principal.tenant,
        role=body.role,
        kind=body.kind,
        name=body.name,
        secret_sha256=sha256(secret),
        created_at=deps.clock.now(),
    )
    await deps.agent.stores.keys.put(key, principal.id)
    answer: wire.NewKey = {**key_json(key), "secret": secret}
    return as_json(answer, 201)


@router.delete("/{key_id}", summary="Revoke a key", status_code=204)
async def revoke_key(request: Request, principal: Admin, key_id: Annotated[str, Path(max_length=100)]) -> Response:
    """It stops working at once here, and within seconds in every other process of the installation."""
    await deps_of(request).agent.stores.keys.revoke(principal.tenant, key_id, principal.id)
    keyring_of(request).forget(key_id)
    return Response(status_code=204)
