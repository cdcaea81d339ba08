"""Signing in and out: a password or a key becomes a session in a cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, SecretStr, model_validator
from starlette.responses import Response

from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.person import Means
from opsagent.errors import Forbidden, InputError
from opsagent.loop.sessions import Begun
from opsagent.web import people_wire as wire
from opsagent.web import single_sign_on
from opsagent.web.auth import Reader
from opsagent.web.bodies import Body, ShortText, as_json, read_json, takes
from opsagent.web.deps import deps_of
from opsagent.web.doorman import doorman_of, session_of
from opsagent.web.origin import address_of
from opsagent.web.people_views import session_json

router = APIRouter(prefix="/api/v1/session", tags=["Session"])
# Whoever signs in has no key yet; what they send is their proof.
OPEN_DOORS = frozenset(
    {("POST", "/api/v1/session"), ("POST", "/api/v1/session/invitation"), ("GET", "/api/v1/session/ways")}
)
Password = Annotated[SecretStr, Field(max_length=1000)]


class SignIn(Body):
    """`login` and `password`, or a `key`. `tenant` is whose people are meant."""

    login: ShortText = ""
    password: Password = SecretStr("")
    key: Password = SecretStr("")
    tenant: Annotated[str, Field(max_length=100)] = DEFAULT_TENANT

    @model_validator(mode="after")
    def _one_of_both(self) -> SignIn:
        if bool(self.key.get_secret_value()) is bool(self.login and self.password.get_secret_value()):
            raise ValueError("takes login and password, or key")
        return self


class OwnPassword(Body):
    """The present password and the new one: 12 to 256 characters."""

    current: Password
    password: Password


class Acceptance(Body):
    """What stands behind the `#` of the link, and the password: 12 to 256 characters."""

    token: Password
    password: Password


@router.post(
    "", summary="Sign in", status_code=201, responses={201: {"model": wire.SessionInfoJson}},
    openapi_extra=takes(SignIn),
)  # fmt: skip
async def sign_in(request: Request) -> Response:
    """Begins a session and sets its cookie. What changes something in it needs `csrfToken` as `X-CSRF-Token`.

    An unknown login, a wrong password and somebody who is disabled are answered alike.
    """
    not_another_page(request)
    body = await read_json(request, SignIn)
    sessions, key = deps_of(request).sessions, body.key.get_secret_value()
    if key:
        begun = await sessions.by_key(key)
    else:
        address = address_of(request.scope)
        account, attempts = f"{body.tenant} {body.login.strip().lower()}", doorman_of(request).attempts
        attempts.begin(account, address)
        begun = await sessions.by_password(body.tenant, body.login, body.password.get_secret_value(), address=address)
        attempts.succeeded(account, address)
    return begun_session(request, begun)


@router.get("", summary="Who am I", responses={200: {"model": wire.SessionInfoJson}})
async def who(request: Request, principal: Reader) -> Response:
    """Who asks, what they may, and in a session the token its changes need. A key may ask too."""
    doorman, signed_in = doorman_of(request), session_of(request)
    token = doorman.csrf_token(doorman.session_id(request)) if signed_in else ""
    return as_json(session_json(principal, signed_in, token))


@router.get("/ways", summary="Ways to sign in", responses={200: {"model": wire.WaysJson}})
async def ways(request: Request) -> Response:
    """For whoever is not signed in yet: where single sign-on begins, if it is set up. Anybody may ask."""
    start = single_sign_on.START if deps_of(request).single_sign_on is not None else None
    return as_json({"password": True, "key": True, "singleSignOn": start})


@router.delete("", summary="Sign out", status_code=204)
async def sign_out(request: Request, _: Reader) -> Response:
    """The session is over at once, in every process."""
    signed_in = session_of(request)
    if signed_in is None:
        raise InputError("A key has no session to sign out of.", fix="Revoke it: opsagent keys revoke KEY_ID")
    await deps_of(request).sessions.end(signed_in)
    response = Response(status_code=204)
    doorman_of(request).take(response, request)
    return response


@router.put(
    "/password", summary="Set my own password", status_code=201, responses={201: {"model": wire.SessionInfoJson}},
    openapi_extra=takes(OwnPassword),
)  # fmt: skip
async def set_own_password(request: Request, _: Reader) -> Response:
    """Every session I have is over, and this browser gets a new one."""
    body = await read_json(request, OwnPassword)
    signed_in = session_of(request)
    if signed_in is None or signed_in.person is None:
        raise InputError("Only a person has a password, and this is a key.", fix="Sign in with your login.")
    person, deps, address = signed_in.person, deps_of(request), address_of(request.scope)
    account, attempts = f"{person.tenant} {person.login}", doorman_of(request).attempts
    attempts.begin(account, address)
    changed = await deps.people.set_own(person, body.current.get_secret_value(), body.password.get_secret_value())
    attempts.succeeded(account, address)
    return begun_session(request, await deps.sessions.begin(changed, Means.PASSWORD))


@router.post(
    "/invitation", summary="Accept an invitation", status_code=201, responses={201: {"model": wire.SessionInfoJson}},
    openapi_extra=takes(Acceptance),
)  # fmt: skip
async def accept(request: Request) -> Response:
    """Sets the password of whoever was invited, and signs them in. The token works once."""
    not_another_page(request)
    body = await read_json(request, Acceptance)
    deps = deps_of(request)
    person = await deps.people.accept(body.token.get_secret_value(), body.password.get_secret_value())
    return begun_session(request, await deps.sessions.begin(person, Means.INVITATION))


def begun_session(request: Request, begun: Begun) -> Response:
    """The answer that lets a browser keep a session that has just begun."""
    doorman, signed_in = doorman_of(request), begun.signed_in
    answer = session_json(signed_in.principal, signed_in, doorman.csrf_token(begun.id))
    response = as_json(answer, 201)
    doorman.give(response, request, begun)
    return response


def not_another_page(request: Request) -> None:
    """Nobody is signed in, or out, by another site's page. Forbidden."""
    if doorman_of(request).from_our_page(request) is False:
        raise Forbidden("This was sent by another site's page.", fix="Open the page of this server.")
