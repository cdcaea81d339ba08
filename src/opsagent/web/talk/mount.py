"""Puts the chat page at its address, behind the login of everything else; Gradio is loaded at the first visit."""

from __future__ import annotations

import asyncio
import importlib.util
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsagent.domain.identity import Permission, Principal
from opsagent.errors import Forbidden, InputError, NotFound, OpsAgentError, Unauthenticated, UnavailableError
from opsagent.web.auth import asking, require
from opsagent.web.dashboard.api import APP_IN_SCOPE
from opsagent.web.problems import problem

PATH = "/talk"
MISSING = "The chat page needs Gradio, which is not installed here."
MISSING_FIX = (
    "Run pip install -c constraints.txt 'opsagent[gradio]' and start the server again; "
    "`opsagent chat` and the API work without it."
)
# What the page needs and no more. Gradio has other doors: files of this machine, uploads, a proxy, its own login.
_GETS = frozenset({"/", "/config", "/theme.css", "/manifest.json", "/favicon.ico", "/gradio_api/startup-events"})
_GETS_BELOW = ("/assets/", "/static/", "/svelte/")
_JOIN, _DATA = "/gradio_api/queue/join", "/gradio_api/queue/data"
_MOST_TABS = 10_000


def with_talk(app: FastAPI) -> FastAPI:
    """The same app, with the chat page below PATH; where Gradio is missing, that address says how to get it."""
    talk = Talk(app)
    app.add_route(PATH, _inside, include_in_schema=False)
    app.add_route("/favicon.ico", _icon, include_in_schema=False)  # browsers ask before Gradio names another
    app.mount(PATH, talk)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def both(served: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with inner(served) as state:
            yield state or {}
            await talk.close()

    app.router.lifespan_context = both
    return app


class Talk:
    """Lets in who may read, to what the page needs, and hands that to Gradio."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._front: ASGIApp | None = None
        self._making = asyncio.Lock()
        self._open = AsyncExitStack()
        self._tabs: OrderedDict[str, str] = OrderedDict()  # Gradio's name of a browser's tab -> whose it is

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of somebody who is signed in."""
        path = scope["path"].removeprefix(PATH)
        connection = HTTPConnection(scope)
        try:
            principal = require(await asking(connection), Permission.READ)
            receive = await self._admit(scope, path, principal, receive)
            front = self._front or await self._make()
        except Unauthenticated as error:
            page = scope["type"] == "http" and path == "/"
            await (RedirectResponse(f"/login?next={PATH}/", 303) if page else problem(error))(scope, receive, send)
            return
        except OpsAgentError as error:
            await problem(error)(scope, receive, send)
            return
        await front({**scope, "root_path": "", APP_IN_SCOPE: self._app}, receive, send)

    async def close(self) -> None:
        """The server goes down."""
        await self._open.aclose()

    async def _admit(self, scope: Scope, path: str, principal: Principal, receive: Receive) -> Receive:
        """The same request, if it is one the page makes and its tab is this caller's. NotFound, Forbidden."""
        method = scope.get("method", "")
        if method == "GET" and (path in _GETS or path.startswith(_GETS_BELOW)):
            return receive
        if method == "GET" and path == _DATA:
            self._claim(HTTPConnection(scope).query_params.get("session_hash", ""), principal)
            return receive
        if method == "POST" and path == _JOIN:
            body = await Request(scope, receive).body()
            self._claim(_tab_of(body), principal)
            return _again(body, receive)
        raise NotFound("The chat page has nothing at this address.", fix=f"Open {PATH}/.")

    def _claim(self, tab: str, principal: Principal) -> None:
        """Answers are sent to whoever knows the name of a tab; a name belongs to whom it was first heard from."""
        whose = f"{principal.tenant}\n{principal.id}"
        if self._tabs.setdefault(tab, whose) != whose:
            raise Forbidden("This tab is somebody else's.", fix="Load the page again.")
        self._tabs.move_to_end(tab)
        while len(self._tabs) > _MOST_TABS:
            self._tabs.popitem(last=False)

    async def _make(self) -> ASGIApp:
        """Load Gradio, some seconds of work, beside whatever else the server does. UnavailableError without it."""
        if importlib.util.find_spec("gradio") is None:
            raise UnavailableError(MISSING, fix=MISSING_FIX)
        async with self._making:
            if self._front is None:
                room = await asyncio.to_thread(importlib.import_module, "opsagent.web.talk.room")
                front: FastAPI = await asyncio.to_thread(room.page, PATH, self._app.state.deps.config.public_url)
                await self._open.enter_async_context(front.router.lifespan_context(front))
                self._front = front
        return self._front


async def _inside(_: Request) -> RedirectResponse:
    return RedirectResponse(f"{PATH}/", 307)


async def _icon(_: Request) -> RedirectResponse:
    return RedirectResponse("/assets/icon.svg", 307)


def _tab_of(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["session_hash"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise InputError("This is no request of the chat page.", fix=f"Open {PATH}/.") from None


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body once more, then whatever comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
