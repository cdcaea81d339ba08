"""The one way the pages ask OpsAgent anything: its own HTTP API, as the visitor, with the visitor's rights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from starlette.requests import Request
from starlette.types import ASGIApp

from opsagent.errors import OpsAgentError
from opsagent.web.dashboard.inside import Inside

ALIVE = b":\n\n"  # a comment, which a live stream sends while nothing happens
_WITHIN_S = 30.0
CSRF_HEADER = "X-CSRF-Token"
APP_IN_SCOPE = "opsagent.app"  # where a page finds the app it asks


class Refused(OpsAgentError):
    """The API said no, or could not: its words and its fix, for the page to show; `extra` is all of what it said."""

    def __init__(self, status: int, message: str, fix: str, *, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(message, fix=fix, extra=extra)
        self.status = status


class Api:
    """Asks as the visitor whose session cookie came with the page. Every answer that is a refusal raises Refused."""

    def __init__(self, app: ASGIApp, request: Request) -> None:
        origin = f"{request.url.scheme}://{request.url.netloc}"
        headers = {"Origin": origin, "Cookie": request.headers.get("cookie", "")}
        client = (request.client.host, request.client.port) if request.client else ("", 0)
        self.token = ""
        self.origin = origin
        self._inside = Inside(app, client)
        self._http = httpx.AsyncClient(
            transport=self._inside, base_url=origin, headers=headers, timeout=_WITHIN_S, trust_env=False
        )

    def prove(self, token: str) -> None:
        """From now on requests that change something carry the session's own token, and the page reads by itself."""
        self.token = token
        self._inside.by_itself = True
        self._http.headers[CSRF_HEADER] = token

    async def get(self, path: str, **query: str | int) -> Any:
        """The answer's JSON; an empty query value is left out. Refused."""
        asked = {name: value for name, value in query.items() if value != ""}
        return _taken(await self._http.get(path, params=asked))

    async def get_any(self, path: str) -> Any:
        """The answer's JSON whatever its status: what is not ready says so with 503."""
        return orjson.loads((await self._http.get(path)).content)

    async def post(self, path: str, body: object = None, **query: str | int) -> Any:
        """Ask for a change; the answer's JSON. Refused."""
        return _taken(await self._http.post(path, content=orjson.dumps(body or {}), params=query, headers=_JSON))

    async def put(self, path: str, body: object) -> Any:
        """Make something as it is given, or change it to that; the answer's JSON. Refused."""
        return _taken(await self._http.put(path, content=orjson.dumps(body), headers=_JSON))

    async def delete(self, path: str) -> Any:
        """End something. Refused."""
        return _taken(await self._http.delete(path))

    async def hints(self, path: str) -> AsyncIterator[None]:
        """One for each block of a live stream but signs of life: something may have changed. Ends with it. Refused."""
        async with self._http.stream("GET", path, headers={"Accept": "text/event-stream"}, timeout=None) as answer:
            if answer.is_error:
                await answer.aread()
                _taken(answer)
            async for block in answer.aiter_bytes():
                if block != ALIVE:
                    yield None

    async def close(self) -> None:
        """The visitor has gone."""
        await self._http.aclose()


_JSON = {"Content-Type": "application/json"}


def segment(text: str) -> str:
    """`text` as one part of a path, whatever it holds."""
    return quote(text, safe="")


def _taken(answer: httpx.Response) -> Any:
    if not answer.is_error:
        return orjson.loads(answer.content) if answer.content else None
    try:
        said = orjson.loads(answer.content)
        message, fix, extra = str(said["detail"]), str(said["fix"]), dict(said)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        extra = {}
        message, fix = "This could not be done.", "Try it again; look in the server's log if it stays."
    raise Refused(answer.status_code, message, fix, extra=extra)
