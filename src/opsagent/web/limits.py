"""How much one caller may send: a cap on every body and a token bucket per key, as plain ASGI."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsagent.errors import RateLimited, TooLarge
from opsagent.ports.clock import Clock
from opsagent.web.auth import Keyring, presented_key
from opsagent.web.problems import problem

MAX_BUCKETS = 10_000
_PROBES = frozenset({"/healthz", "/readyz"})  # an orchestrator that is refused here would kill a healthy server


class BodyLimit:
    """Refuses a body over the limit: at once by its declared length, else as soon as that much has come."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what fits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and (len(value) > 18 or int(value) > self._limit):
                await problem(self._too_large())(scope, receive, send)
                return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._limit:
                    raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The body is larger than {self._limit} bytes; nothing of it was kept.",
            fix="Send less at once, and link what is large.",
        )


class Buckets:
    """Token buckets: each holds up to `per_minute` tokens and refills at that rate; at most MAX_BUCKETS are kept.

    The one that was used longest ago goes first; it is the fullest, so little is lost.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """0 when there was a token, else the seconds until there is one."""
        now = self._clock.monotonic()
        tokens, at = self._buckets.get(name, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - at) * self._per_second)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
        self._buckets[name] = (tokens - 1 if wait_s == 0 else tokens, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return wait_s


class RateLimit:
    """One bucket per key that is known to work; every other request counts against the address it came from.

    So inventing keys does not make new buckets, and guessing them is slow.
    """

    def __init__(self, app: ASGIApp, *, per_minute: int, clock: Clock, keyring: Keyring) -> None:
        self._app = app
        self._buckets = Buckets(per_minute, clock) if per_minute else None
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the rate; 429 with Retry-After for the rest."""
        if self._buckets is None or scope["type"] not in {"http", "websocket"} or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        secret = presented_key(connection)
        known = self._keyring.known(secret) if secret else ""
        wait_s = self._buckets.take(known or _address(scope))
        if wait_s == 0:
            await self._app(scope, receive, send)
            return
        refused = problem(
            RateLimited(
                "Too many requests from this caller.",
                fix="Wait as long as Retry-After says, then go on more slowly.",
                extra={"retryAfter": max(1, round(wait_s))},
            )
        )
        await refused(scope, receive, send)


def _address(scope: Scope) -> str:
    """The caller's address; of IPv6 the /64, which is what one customer is given."""
    host = str((scope.get("client") or ("",))[0])
    if ":" not in host:
        return f"from {host}"
    try:
        network = ipaddress.IPv6Network((host.partition("%")[0], 64), strict=False)
    except ValueError:
        return f"from {host}"
    return f"from {network.network_address}"
