"""How much may be sent: a cap on every body and on all that are coming in, as plain ASGI."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsagent.errors import TooLarge, UnavailableError
from opsagent.ports.clock import Clock
from opsagent.web.problems import problem
from opsagent.web.turns import is_webhook

MOST_AT_ONCE_BYTES = 128 * 1024**2  # of all bodies that are coming in: they are read before their proof can be
REMEMBERED_S = 86400.0
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Missed:
    """Deliveries of monitoring that were refused for their size: most senders drop them, and nobody reads their log."""

    clock: Clock
    limit_bytes: int
    _last: dict[str, float] = field(default_factory=dict)

    def note(self, path: str) -> None:
        """One was refused."""
        source = ascii(path.rpartition("/")[2][:40]).strip("'")
        if source in self._last or len(self._last) < 20:  # names are the sender's to make up
            self._last[source] = self.clock.now()
        _log.warning("a delivery of %s is larger than %d bytes and was refused", source, self.limit_bytes)

    def words(self) -> str:
        """What was missed within a day; empty when nothing was."""
        since = self.clock.now() - REMEMBERED_S
        sources = sorted(source for source, at in self._last.items() if at >= since)
        if not sources:
            return ""
        return (
            f"Within a day a delivery of {', '.join(sources)} was larger than {self.limit_bytes} bytes and refused. "
            "Let the sender group by more labels, or raise OPSAGENT_DELIVERY_LIMIT_BYTES."
        )


class BodyLimit:
    """Refuses a body over its limit: at once by its declared length, else as soon as that much has come.

    What monitoring delivers has a limit of its own: it cannot ask what is too large, and may send it only once.
    Together all that is coming in has one, too: beyond it a body is refused (503), to be sent again.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, missed: Missed, most_bytes: int = MOST_AT_ONCE_BYTES) -> None:
        self._app = app
        self._limit = limit_bytes
        self._missed = missed
        self._most = most_bytes
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what fits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._missed.limit_bytes if is_webhook(scope) else self._limit
        length = HTTPConnection(scope).headers.get("content-length", "")
        if length.isdecimal() and (len(length) > 18 or int(length) > limit):
            await problem(self._too_large(scope, limit))(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                taken += size
                self._held += size
                if taken > limit:
                    raise self._too_large(scope, limit)
                if self._held > self._most:
                    raise UnavailableError(
                        "More is being sent than can be held at once; nothing of this was kept.",
                        fix="Send it again in a moment.",
                        extra={"retryAfter": 5},
                    )
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held -= taken

    def _too_large(self, scope: Scope, limit: int) -> TooLarge:
        if is_webhook(scope):
            self._missed.note(scope["path"])
        return TooLarge(
            f"The body is larger than {limit} bytes; nothing of it was kept.",
            fix="Send less at once, and link what is large.",
        )
