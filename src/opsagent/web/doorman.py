"""Who is signed in: the session's cookie, what proves that a request comes from our own page, and the two together."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import cached_property

from itsdangerous import BadSignature, Signer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from opsagent.errors import Forbidden
from opsagent.loop.sessions import Begun, Sessions, SignedIn
from opsagent.web.attempts import Attempts
from opsagent.web.origin import from_our_page
from opsagent.web.turns import BY_ITSELF

CSRF_HEADER = "X-CSRF-Token"
_NAME = "opsagent_session"
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})  # what changes nothing (RFC 9110, section 9.2.1)
_MAX_COOKIE_CHARS = 200
_IN_STATE = "opsagent_signed_in"


@dataclass(frozen=True, kw_only=True)
class Doorman:
    """Reads and writes the cookie. `key` signs it; `public_url` is where people reach this server, if it is known."""

    sessions: Sessions
    attempts: Attempts
    key: bytes
    public_url: str = ""

    async def signed_in(self, connection: HTTPConnection, *, used: bool = True) -> SignedIn | None:
        """Who asks in a session; a socket, and a request that changes something, comes from our own page. Forbidden.

        A key in the headers is looked at before; whoever calls this has found none. `used` is whether a person does
        something with it: what a page reads by itself never counts.
        """
        identifier = self.session_id(connection)
        if not identifier:
            return None
        used = used and not connection.scope.get(BY_ITSELF, False)
        found = await self.sessions.find(identifier, used=used)
        if found is not None and connection.scope.get("method") not in _LOOKS:  # a socket has no method
            self._refuse_another_page(connection, identifier)
        connection.scope.setdefault("state", {})[_IN_STATE] = found
        return found

    def session_id(self, connection: HTTPConnection) -> str:
        """The id in the cookie, if we signed it, else empty. It may be over."""
        cookie = connection.cookies.get(self._name(connection), "")
        if not cookie or len(cookie) > _MAX_COOKIE_CHARS or not cookie.isascii():
            return ""
        try:
            return self._signer.unsign(cookie).decode("ascii")
        except (BadSignature, UnicodeDecodeError):
            return ""

    def csrf_token(self, identifier: str) -> str:
        """What a page of ours sends with each change: bound to the session, worth nothing in another."""
        return hmac.new(self.key, b"opsagent.csrf " + identifier.encode(), hashlib.sha256).hexdigest()

    def cookie_of(self, identifier: str) -> str:
        """What a browser keeps of a session."""
        return self._signer.sign(identifier).decode("ascii")

    def give(self, response: Response, connection: HTTPConnection, begun: Begun) -> None:
        """Let the browser keep the session."""
        self._set(response, connection, self.cookie_of(begun.id), int(self.sessions.longest_s))

    def take(self, response: Response, connection: HTTPConnection) -> None:
        """Let the browser forget it."""
        self._set(response, connection, "", 0)

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Whether people reach us by https, here or at the proxy in front."""
        return self.public_url.startswith("https://") or connection.scope["scheme"] in {"https", "wss"}

    def from_our_page(self, connection: HTTPConnection) -> bool | None:
        """Whether a browser says that a page of ours sent it; None when it says nothing."""
        return from_our_page(connection.headers, self.public_url)

    @cached_property
    def _signer(self) -> Signer:
        return Signer(self.key, salt="opsagent.session", key_derivation="hmac", digest_method=hashlib.sha256)

    def _name(self, connection: HTTPConnection) -> str:
        """With the prefix no other host of the domain, and nobody without TLS, can set it (RFC 6265bis, 4.1.3.2)."""
        return f"__Host-{_NAME}" if self.is_secure(connection) else _NAME

    def _set(self, response: Response, connection: HTTPConnection, value: str, max_age_s: int) -> None:
        response.set_cookie(
            self._name(connection),
            value,
            max_age=max_age_s,
            path="/",
            secure=self.is_secure(connection),
            httponly=True,
            samesite="lax",
        )

    def _refuse_another_page(self, connection: HTTPConnection, identifier: str) -> None:
        sent = connection.headers.get(CSRF_HEADER, "").encode()
        fits = hmac.compare_digest(sent, self.csrf_token(identifier).encode())
        if connection.scope["type"] == "http" and not fits:  # a browser's socket carries no headers of the page
            raise Forbidden(
                f"In a session a change needs the header {CSRF_HEADER}, and it did not fit.",
                fix="Load the page again; a program sends csrfToken of GET /api/v1/session, or uses a key.",
            )
        if not self.from_our_page(connection):
            raise Forbidden(
                "This was not sent by a page of this server.",
                fix="Open the page of this server; a program uses a key.",
            )


def doorman_of(connection: HTTPConnection) -> Doorman:
    """The app's doorman."""
    doorman = connection.app.state.doorman
    if not isinstance(doorman, Doorman):
        raise TypeError("the app was not made by create_app")
    return doorman


def session_of(connection: HTTPConnection) -> SignedIn | None:
    """The session a request was let in by; None when a key let it in."""
    found = connection.scope.get("state", {}).get(_IN_STATE)
    return found if isinstance(found, SignedIn) else None
