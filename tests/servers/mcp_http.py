"""The real MCP server of the tests over streamable HTTP, on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from servers.loopback import free_port
from servers.mcp_server import build

TOKEN = "mcp-token-5f3a91"


@dataclass
class HttpMcp:
    """A server on loopback; `wants` is the Authorization header it asks for."""

    folder: Path
    port: int
    wants: str = ""
    json_response: bool = False
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"


class _Door:
    """Asks for the header, and builds the server anew for each request, so that it may have changed."""

    def __init__(self, about: HttpMcp) -> None:
        self.about = about

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        request = Request(scope, receive)
        self.about.seen.append(request.method)
        if self.about.wants and request.headers.get("authorization") != self.about.wants:
            await PlainTextResponse("who are you?", 401)(scope, receive, send)
            return
        server = build(self.about.folder, json_response=self.about.json_response)
        app: ASGIApp = server.streamable_http_app()
        async with server.session_manager.run():
            await app(scope, receive, send)


@contextmanager
def serve(folder: Path, *, wants: str = "") -> Iterator[HttpMcp]:
    """A server over streamable HTTP on loopback."""
    about = HttpMcp(folder, free_port(), wants)
    config = uvicorn.Config(_Door(about), host="127.0.0.1", port=about.port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield about
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join()
