"""What one request is counted against: whoever it proves to be, else the caller it comes from."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import Scope

from opsagent.errors import RateLimited
from opsagent.ports.clock import Clock

MAX_BUCKETS = 10_000
IN_SCOPE = "opsagent.turn"
# Marks in its scope what an open page reads by itself, which is nobody's doing: a storm that lets every page look again
# must not use up the turns of whoever wants to answer, nor keep a forgotten tab's session alive.
BY_ITSELF = "opsagent.by_itself"
STOP = "/api/v1/control/pause"  # nobody who may stop is told to wait
_FILES = ("/assets/", "/_nicegui/")  # each page asks for many
_DELIVERIES = ("/api/v1/trigger/slack", "/api/v1/slack/interactions", "/api/v1/trigger/jira")
_WEBHOOKS = "/api/v1/tickets/webhook/"


class Buckets:
    """Token buckets: each holds up to `per_minute` tokens and refills at that rate; at most MAX_BUCKETS are kept.

    The one that was used longest ago goes first; it is the fullest, so little is lost. 0 per minute is no limit.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """0 when there was a token, else the seconds until there is one."""
        if not self._capacity:
            return 0.0
        now = self._clock.monotonic()
        tokens, at = self._buckets.get(name, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - at) * self._per_second)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
        self._buckets[name] = (tokens - 1 if wait_s == 0 else tokens, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return wait_s


@dataclass(slots=True, kw_only=True)
class Turn:
    """One request's; it is counted once. `caller` is a key that is known to work, or an address.

    What is proven has buckets of its own, one per source and tenant: neither those who prove nothing nor a storm of
    another source use them up, and inventing addresses pushes none of them out.
    """

    caller: str
    callers: Buckets
    deliveries: Buckets
    counted: bool = False

    def proven(self, source: str, tenant: str = "") -> None:
        """A delivery that proved where it comes from. RateLimited. `source` is one of ours, never a caller's word."""
        self._count(self.deliveries, f"{source} for {tenant}")

    def unproven(self) -> None:
        """Anything else. RateLimited."""
        self._count(self.callers, self.caller)

    def _count(self, buckets: Buckets, name: str) -> None:
        self.counted = True
        wait_s = buckets.take(name)
        if wait_s:
            raise RateLimited(
                "Too many requests from this caller.",
                fix="Wait as long as Retry-After says, then go on more slowly.",
                extra={"retryAfter": max(1, round(wait_s))},
            )


def is_free(scope: Scope) -> bool:
    """Whether it is counted against nobody: what a page reads by itself, and the files pages are made of."""
    looks = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
    return looks and (scope.get(BY_ITSELF, False) or scope["path"].startswith(_FILES))


def is_delivery(scope: Scope) -> bool:
    """Whether the door must look at the request before it is known whom to count it against."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path: str = scope["path"]
    return path in _DELIVERIES or path.startswith(_WEBHOOKS)


def is_webhook(scope: Scope) -> bool:
    """Whether a monitoring system delivers."""
    return is_delivery(scope) and scope["path"].startswith(_WEBHOOKS)


def turn_of(connection: HTTPConnection) -> Turn:
    """A delivery's turn."""
    turn = connection.scope.get(IN_SCOPE)
    if not isinstance(turn, Turn):
        raise TypeError("is_delivery does not know this route")
    return turn
