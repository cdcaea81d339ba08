"""Single sign-on in a browser: out to the provider, and back with its code."""

from __future__ import annotations

import hmac
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.responses import RedirectResponse, Response

from opsagent.domain.single_sign_on import Errand
from opsagent.errors import InputError, NotFound, OpsAgentError, Unauthenticated
from opsagent.loop.single_sign_on import SingleSignOn
from opsagent.web.deps import deps_of
from opsagent.web.doorman import doorman_of
from opsagent.web.refusal_page import refusal

router = APIRouter(prefix="/api/v1/session/oidc", tags=["Session"])
START, CALLBACK = "/api/v1/session/oidc/start", "/api/v1/session/oidc/callback"
OPEN_DOORS = frozenset({("GET", START), ("GET", CALLBACK)})
_COOKIE = "opsagent_oidc"
_AWAY_S = 600  # how long somebody may take at the provider
_SEE_OTHER = 303
Short = Annotated[str, Query(max_length=4096)]


@router.get("/start", summary="Sign in by single sign-on", status_code=303)
async def start(request: Request, to: Annotated[str, Query(max_length=2000)] = "/") -> Response:
    """Sends the browser to the provider. `to` is the page of this server they come back to in the end."""
    try:
        door = _door(request)
        errand = door.errand()
        address = await door.address(errand, _back_to(request))
    except OpsAgentError as error:
        return _refused(request, error)
    response = RedirectResponse(address, _SEE_OTHER)
    kept = str(_serializer(request).dumps({**asdict(errand), "to": own_page(to)}))
    _keep(request, response, kept, _AWAY_S)
    return response


@router.get("/callback", summary="Back from single sign-on", status_code=303)
async def callback(request: Request, state: Short = "", code: Short = "", error: Short = "") -> Response:
    """Where the provider sends the browser back to. Begins a session, once for each start."""
    try:
        door = _door(request)
        errand, to = _errand(request, state)
        if error or not code:
            raise Unauthenticated(f"The provider let nobody in ({error[:60]!a}).", fix="Sign in again.")
        begun = await door.arrive(errand, code, _back_to(request))
    except OpsAgentError as refused:
        return _refused(request, refused)
    response = RedirectResponse(to, _SEE_OTHER)
    doorman_of(request).give(response, request, begun)
    _keep(request, response, "", 0)
    return response


def _refused(request: Request, error: OpsAgentError) -> Response:
    return refusal(
        request, error, title="Nobody was signed in", ways={START: "Sign in again", "/login": "Sign in another way"}
    )


def own_page(to: str) -> str:
    """A page of this server; whatever may lead elsewhere is the first page."""
    plain = to.isascii() and to.isprintable() and "\\" not in to and to.startswith("/") and not to.startswith("//")
    return to if plain else "/"


def _door(request: Request) -> SingleSignOn:
    door = deps_of(request).single_sign_on
    if door is None:
        raise NotFound("Single sign-on is not set up here.", fix="Set oidc_issuer and oidc_client_id (docs/people.md).")
    return door


def _errand(request: Request, state: str) -> tuple[Errand, str]:
    """What this browser was sent out with, if it is the one that comes back."""
    try:
        kept = _serializer(request).loads(request.cookies.get(_COOKIE, ""), max_age=_AWAY_S)
        errand = Errand(state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"])
        to = own_page(kept["to"])
    except (BadData, KeyError, TypeError):
        errand, to = None, "/"
    if errand is None or not hmac.compare_digest(errand.state.encode(), state.encode("utf-8", "surrogateescape")):
        raise Unauthenticated(
            "This sign-in was not begun in this browser, or too long ago.", fix=f"Begin again at {START}."
        )
    return errand, to


def _back_to(request: Request) -> str:
    """Our address as the provider knows it."""
    public = deps_of(request).config.public_url
    if public:
        return f"{public.rstrip('/')}{CALLBACK}"
    host = request.headers.get("host", "")
    if not host or not host.isascii():
        raise InputError("The request names no host.", fix="Set OPSAGENT_PUBLIC_URL.")
    return f"{request.scope['scheme']}://{host}{CALLBACK}"


def _serializer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(doorman_of(request).key, salt="opsagent.oidc")


def _keep(request: Request, response: Response, value: str, max_age_s: int) -> None:
    response.set_cookie(
        _COOKIE,
        value,
        max_age=max_age_s,
        path="/api/v1/session/oidc",
        secure=doorman_of(request).is_secure(request),
        httponly=True,
        samesite="lax",  # strict would not come back from the provider
    )
