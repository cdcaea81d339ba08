"""How often one caller may ask: a token bucket per key, as plain ASGI."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsagent.errors import RateLimited
from opsagent.ports.clock import Clock
from opsagent.web.auth import Keyring, presented_key
from opsagent.web.doorman import Doorman
from opsagent.web.origin import address_of
from opsagent.web.problems import problem
from opsagent.web.turns import IN_SCOPE, STOP, Buckets, Turn, is_delivery, is_free

_PROBES = frozenset({"/healthz", "/readyz"})  # an orchestrator that is refused here would kill a healthy server


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
        if scope["type"] not in {"http", "websocket"} or scope["path"] in _PROBES or is_free(scope):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        secret = presented_key(connection)
        known = self._keyring.known(secret) if secret else self._doorman.session_id(connection)
        if known and scope["path"] == STOP:
            await self._app(scope, receive, send)
            return
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
