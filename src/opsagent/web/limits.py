"""How much one caller may send: a cap on every body and a token bucket per key, as plain ASGI."""

from __future__ import annotations

import logging

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsagent.errors import RateLimited, TooLarge
from opsagent.ports.clock import Clock
from opsagent.web.auth import Keyring, presented_key
from opsagent.web.doorman import Doorman
from opsagent.web.origin import address_of
from opsagent.web.problems import problem
from opsagent.web.turns import IN_SCOPE, Buckets, Turn, is_delivery, is_webhook

_log = logging.getLogger(__name__)
_PROBES = frozenset({"/healthz", "/readyz"})  # an orchestrator that is refused here would kill a healthy server


class BodyLimit:
    """Refuses a body over its limit: at once by its declared length, else as soon as that much has come.

    What monitoring delivers has a limit of its own: it cannot ask what is too large, and may send it only once.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, delivery_limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes
        self._delivery_limit = delivery_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what fits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._delivery_limit if is_webhook(scope) else self._limit
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and (len(value) > 18 or int(value) > limit):
                await problem(_too_large(scope, limit))(scope, receive, send)
                return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise _too_large(scope, limit)
            return message

        await self._app(scope, counted, send)


def _too_large(scope: Scope, limit: int) -> TooLarge:
    if is_webhook(scope):
        # Most senders drop what is refused, and nobody reads their log: here somebody may.
        _log.warning("a delivery to %s is larger than %d bytes and was refused", ascii(scope["path"][:100]), limit)
    return TooLarge(
        f"The body is larger than {limit} bytes; nothing of it was kept.",
        fix="Send less at once, and link what is large.",
    )


class RateLimit:
    """One bucket per key that works and per session we gave out; all else counts against the address it came from.

    So inventing keys does not make new buckets, and guessing them is slow. A delivery that carries its own proof is
    counted by its door, once that was looked at: behind a proxy the address is everybody's, and a flood of what proves
    nothing must not keep out what does. One that no door counted (it was refused) counts against its caller.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        per_minute: int,
        deliveries_per_minute: int,
        clock: Clock,
        keyring: Keyring,
        doorman: Doorman,
    ) -> None:
        self._app = app
        self._callers = Buckets(per_minute, clock)
        self._deliveries = Buckets(deliveries_per_minute, clock)
        self._keyring = keyring
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the rate; 429 with Retry-After for the rest."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        secret = presented_key(connection)
        known = self._keyring.known(secret) if secret else self._doorman.session_id(connection)
        turn = Turn(caller=known or address_of(scope), callers=self._callers, deliveries=self._deliveries)
        if is_delivery(scope):
            await self._app({**scope, IN_SCOPE: turn}, receive, _counting(turn, scope, receive, send))
        elif refusal := _refusal(turn):
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _refusal(turn: Turn) -> Response | None:
    try:
        turn.unproven()
    except RateLimited as error:
        return problem(error)
    return None


def _counting(turn: Turn, scope: Scope, receive: Receive, send: Send) -> Send:
    """Sends on, but for the answer to a delivery that nobody counted and that is beyond its caller's rate."""
    refused = False

    async def counted(message: Message) -> None:
        nonlocal refused
        if not turn.counted and (refusal := _refusal(turn)):
            refused = True
            await refusal(scope, receive, send)
        if not refused:
            await send(message)

    return counted
