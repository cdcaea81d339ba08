"""One visitor on one page: who they are, what they may, and the one subscription that keeps the page fresh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx
from nicegui import Client, background_tasks
from starlette.requests import Request
from starlette.types import ASGIApp

from opsagent.web.dashboard.api import APP_IN_SCOPE, Api, Refused

_log = logging.getLogger(__name__)
LIVE = "/api/v1/live"
POLL_S = 5.0
_PAUSE_S = 0.25  # a storm of changes is looked at so often
Refresh = Callable[[], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Visit:
    """`may` are the permissions of the visitor; the API checks them again, a page only hides what would be refused.

    `who` is the visitor's name in the record.
    """

    api: Api
    client: Client
    path: str
    name: str = ""
    who: str = ""
    role: str = ""
    may: frozenset[str] = frozenset()
    fresh: list[Refresh] = field(default_factory=list)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def begin(cls, request: Request, client: Client) -> Visit | None:
        """The visitor of this page, or None when nobody is signed in."""
        app: ASGIApp = request.scope[APP_IN_SCOPE]
        visit = cls(api=Api(app, request), client=client, path=wanted(request))
        try:
            session: dict[str, Any] = await visit.api.get("/api/v1/session")
        except Refused as refused:
            await visit.api.close()
            if refused.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
                return None
            raise
        visit.name, visit.role = str(session["name"]), str(session["role"])
        visit.who = str(session["principal"])
        visit.may = frozenset(session["permissions"])
        visit.api.prove(str(session["csrfToken"]))
        return visit

    def follow(self, stream: str = LIVE) -> None:
        """From now on all of `fresh` are called after each change; every few seconds only while the stream is down."""
        task = background_tasks.create(self._follow(stream), name=f"live {self.path}")

        def leave() -> None:
            """At once: whatever is on the page is gone with the next step."""
            task.cancel()

        async def left() -> None:
            await asyncio.gather(task, return_exceptions=True)
            await self.api.close()

        self.client.on_delete(leave)
        self.client.on_delete(left)

    async def look(self) -> None:
        """Something was done here: read again what the page shows. Where that fails, what was done is done."""
        await self._still_in(self._look())

    async def _look(self) -> None:
        """As long as somebody looks at it."""
        async with self._looking:  # two at once would both find the same thing new
            for refresh in self.fresh:
                if self.client.is_deleted:
                    return
                with self.client:
                    await refresh()

    async def _follow(self, stream: str) -> None:
        await self.client.connected()
        while True:
            if not (await self._still_in(self._listen(stream)) and await self._still_in(self._look())):
                return
            await asyncio.sleep(POLL_S)

    async def _listen(self, stream: str) -> None:
        async for _ in self.api.hints(stream):
            await self._look()
            await asyncio.sleep(_PAUSE_S)
        if stream != LIVE:  # what it told of has ended; what stands around the page goes on
            await self._look()
            await self._listen(LIVE)

    async def _still_in(self, work: Awaitable[None]) -> bool:
        """Do it; False, and back to the door, when the session is over. What else fails may succeed the next time."""
        try:
            await work
        except Refused as refused:
            if refused.status == HTTPStatus.UNAUTHORIZED:
                self.client.open(sign_in(self.path))
                return False
            _log.info("the page %s was not refreshed: %s", self.path, refused.message)
        except httpx.HTTPError as error:
            _log.info("the page %s was not refreshed: %s", self.path, type(error).__name__)
        return True


def wanted(request: Request) -> str:
    """Where the visitor is, with its filters: what a link to it would say."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def sign_in(path: str) -> str:
    """The page to sign in at, which leads back."""
    return "/login?" + str(httpx.QueryParams({"next": path}))
