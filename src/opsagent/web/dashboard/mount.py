"""Puts the pages before an app: which addresses are theirs, and one plain page where NiceGUI is missing."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from opsagent.web.dashboard.api import APP_IN_SCOPE
from opsagent.web.problems import NoRoute
from opsagent.web.refusal_page import refusal, wants_page

_ASSETS = Path(__file__).with_name("assets")
_SERVED = frozenset(one.name for one in _ASSETS.iterdir())
_AT_ONCE_S = 0.05  # a server knows whether a client has left, and says so when it is asked
_SOCKET = "/_nicegui_ws/"


class Pages:
    """What an app does with an address it does not know: ask the pages, then say what it always said."""

    def __init__(self, app: FastAPI, front: ASGIApp, routes: list[BaseRoute], otherwise: ASGIApp) -> None:
        self._app = app
        self._front = front
        self._routes = routes
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is a page's."""
        if not self._is_ours(scope):
            lost = scope["type"] == "http" and not scope["path"].startswith("/api/") and wants_page(Request(scope))
            await (_no_such_page(Request(scope)) if lost else self._otherwise)(scope, receive, send)
            return
        try:
            await self._front({**scope, APP_IN_SCOPE: self._app}, receive, send)
        except RuntimeError:
            # What stands around NiceGUI's pages says "No response returned" when a browser has left for another page.
            if scope["type"] != "http" or not await _has_left(receive):
                raise

    def _is_ours(self, scope: Scope) -> bool:
        if scope["type"] == "websocket":
            return bool(scope["path"].startswith(_SOCKET))
        # The socket's long poll stays shut: a socket is let in by its origin and its session, a poll by neither.
        return not scope["path"].startswith(_SOCKET) and any(
            route.matches(scope)[0] is Match.FULL for route in self._routes
        )


def with_pages(app: FastAPI) -> FastAPI:
    """The same app, with pages where it had nothing; without NiceGUI, `/` says how to get them.

    NiceGUI keeps its app, its pages and its visitors in its modules: the API can be made twice in one process, the
    pages once. RuntimeError for a second time.
    """
    if importlib.util.find_spec("nicegui") is None:
        absent: list[BaseRoute] = [
            Route("/", _file("absent.html")),
            Route("/invitation", _file("absent_invitation.html")),
        ]
        front = FastAPI(openapi_url=None, routes=[*absent])
        app.router.default = Pages(app, front, front.routes, app.router.default)
        return app
    from opsagent.web.dashboard.places import leave, pages

    own: list[BaseRoute] = [
        Route("/login", _file("login.html")),
        Route("/invitation", _file("invitation.html")),
        Route("/assets/{name}", _asset),
    ]
    front, routes = pages(own)
    app.router.default = Pages(app, front, [*own, *routes], app.router.default)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def both(served: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with front.router.lifespan_context(front):
            async with inner(served) as state:
                yield state or {}
            leave()

    app.router.lifespan_context = both
    return app


def _no_such_page(request: Request) -> Response:
    error = NoRoute("No page lives at this address.", fix="Look at the address again, or begin at Home.")
    return refusal(request, error, title="No such page", ways={"/": "Home"})


async def _has_left(receive: Receive) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(_AT_ONCE_S):
            while (await receive())["type"] != "http.disconnect":
                continue
            return True
    return False


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _SERVED or name.endswith(".html"):
        return Response("There is no such file.", status_code=404, media_type="text/plain")
    return FileResponse(_ASSETS / name, headers={"Cache-Control": "no-cache"})  # asked again each time, sent when new


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return FileResponse(_ASSETS / name, media_type="text/html", headers={"Cache-Control": "no-store"})

    return answer
