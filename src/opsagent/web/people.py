"""People: added, given a role, invited, disabled by admins; only a person says who a person is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field, SecretStr
from starlette.responses import Response

from opsagent.domain.identity import Role
from opsagent.web import people_wire as wire
from opsagent.web.auth import Admin
from opsagent.web.bodies import Body, ShortText, as_json, read_json, takes
from opsagent.web.deps import deps_of
from opsagent.web.people_views import invitation_json, person_json
from opsagent.web.session import Password

router = APIRouter(prefix="/api/v1/people", tags=["People"])
PersonId = Annotated[str, Path(max_length=200, description="Their id or their login.")]
PersonRole = Literal["viewer", "operator", "approver", "admin"]


class NewPerson(Body):
    """Somebody new. Without a password they set one by an invitation, or come by single sign-on."""

    login: Annotated[ShortText, Field(description="What they type to sign in: an e-mail address or a short name.")]
    role: PersonRole
    name: Annotated[ShortText, Field(description="Who they are in the record, for ever. Without one, the login.")] = ""
    password: Password = SecretStr("")


class NewRole(Body):
    """What they may do from now on."""

    role: PersonRole


class NewPassword(Body):
    """What they sign in with from now on: 12 to 256 characters."""

    password: Password


class Disabled(Body):
    """Whether they are kept out."""

    disabled: bool


@router.get("", summary="List people", responses={200: {"model": wire.PersonList}})
async def list_people(request: Request, principal: Admin) -> Response:
    """All of the tenant, by name."""
    return as_json({"people": [person_json(one) for one in await deps_of(request).people.list(principal)]})


@router.post(
    "", summary="Add a person", status_code=201, responses={201: {"model": wire.PersonJson}},
    openapi_extra=takes(NewPerson),
)  # fmt: skip
async def add_person(request: Request, principal: Admin) -> Response:
    """Takes no Idempotency-Key: a second one of the same login is refused anyway."""
    body = await read_json(request, NewPerson)
    added = await deps_of(request).people.add(
        principal, login=body.login, role=Role(body.role), name=body.name, password=body.password.get_secret_value()
    )
    return as_json(person_json(added), 201)


@router.get("/{person_id}", summary="One person", responses={200: {"model": wire.PersonJson}})
async def person(request: Request, principal: Admin, person_id: PersonId) -> Response:
    """By id or login."""
    return as_json(person_json(await deps_of(request).people.get(principal, person_id)))


@router.put(
    "/{person_id}/role", summary="Give a role", responses={200: {"model": wire.PersonJson}},
    openapi_extra=takes(NewRole),
)  # fmt: skip
async def set_role(request: Request, principal: Admin, person_id: PersonId) -> Response:
    """It holds from their next request on, in sessions they have too."""
    body = await read_json(request, NewRole)
    return as_json(person_json(await deps_of(request).people.set_role(principal, person_id, Role(body.role))))


@router.put(
    "/{person_id}/password", summary="Set a password", responses={200: {"model": wire.PersonJson}},
    openapi_extra=takes(NewPassword),
)  # fmt: skip
async def set_password(request: Request, principal: Admin, person_id: PersonId) -> Response:
    """Every session of theirs is over. Better is an invitation: then nobody else knows the password."""
    body = await read_json(request, NewPassword)
    people = deps_of(request).people
    return as_json(person_json(await people.set_password(principal, person_id, body.password.get_secret_value())))


@router.put(
    "/{person_id}/disabled", summary="Keep a person out, or let them in again",
    responses={200: {"model": wire.PersonJson}}, openapi_extra=takes(Disabled),
)  # fmt: skip
async def disable(request: Request, principal: Admin, person_id: PersonId) -> Response:
    """Every session of theirs is over at once. Keys and linked chat users of that name stay."""
    body = await read_json(request, Disabled)
    return as_json(person_json(await deps_of(request).people.disable(principal, person_id, on=body.disabled)))


@router.delete("/{person_id}/sessions", summary="Sign a person out everywhere", status_code=204)
async def sign_out(request: Request, principal: Admin, person_id: PersonId) -> Response:
    """Every session of theirs is over at once, in every process."""
    await deps_of(request).people.sign_out(principal, person_id)
    return Response(status_code=204)


@router.post(
    "/{person_id}/invitation", summary="Invite a person", status_code=201,
    responses={201: {"model": wire.InvitationJson}},
)  # fmt: skip
async def invite(request: Request, principal: Admin, person_id: PersonId) -> Response:
    """A link that sets their password once, within three days. An earlier one works no more."""
    deps = deps_of(request)
    return as_json(invitation_json(await deps.people.invite(principal, person_id), deps.config.public_url), 201)
