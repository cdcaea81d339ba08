"""One rule for every WebSocket: a browser's socket must come from our own page."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from opsagent.errors import Forbidden
from opsagent.web.problems import problem

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class SocketOrigin:
    """Refuses sockets opened by another site's page (RFC 6455, section 10.2); programs send no Origin at all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is ours."""
        if scope["type"] == "websocket":
            headers = Headers(scope=scope)
            origins = headers.getlist("origin")
            if len(origins) > 1 or not all(same_host(origin, headers.get("host", "")) for origin in origins):
                refused = problem(
                    Forbidden("This socket was opened by another site's page.", fix="Open the page of this server.")
                )
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)


def same_host(origin: str, host: str) -> bool:
    """Whether an Origin names the host (and port) the request was sent to."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        target = urlsplit(f"//{host}")
        target_port = target.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return False
    return bool(parts.hostname) and (parts.hostname, port) == (target.hostname, target_port)
