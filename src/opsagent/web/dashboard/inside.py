"""Calls of the app by itself: the same routes, the same checks, no network; the answer is read while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
from starlette.types import ASGIApp, Message, Scope

from opsagent.web.turns import BY_ITSELF

_CHUNKS = 8  # what may wait to be read before the app has to wait


class Inside(httpx.AsyncBaseTransport):
    """Fulfils httpx's transport. `client` is the visitor's address, which the limits of the app go by.

    httpx's own ASGITransport gives an answer out only once it has ended, which a live stream never does.
    """

    def __init__(self, app: ASGIApp, client: tuple[str, int]) -> None:
        self._app = app
        self._client = client
        self.by_itself = False  # whether what is read from now on is read by the page, not by its visitor

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request; closing the response tells the app that its caller has gone."""
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": (request.url.host, request.url.port),
            "client": self._client,
            BY_ITSELF: self.by_itself and request.method == "GET",
        }
        exchange = _Exchange(await request.aread())
        exchange.task = asyncio.create_task(exchange.run(self._app, scope))
        async with AsyncExitStack() as leaving:
            leaving.push_async_callback(exchange.aclose)
            status, headers = await exchange.begun()
            leaving.pop_all()
        return httpx.Response(status, headers=headers, stream=exchange)


class _Exchange(httpx.AsyncByteStream):
    """One request and its answer, between the task that makes it and the one that reads it."""

    task: asyncio.Task[None]

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._gone = asyncio.Event()
        self._start: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = asyncio.get_running_loop().create_future()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_CHUNKS)

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            if self._gone.is_set():
                self._start.cancel()
            elif not self._start.done():
                self._start.set_exception(httpx.ReadError("the app gave no answer"))
            if not self._gone.is_set():
                await self._chunks.put(None)

    async def begun(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        return await asyncio.shield(self._start)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    async def aclose(self) -> None:
        self._gone.set()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            return  # as a server does for a client that has left
        if message["type"] == "http.response.start":
            self._start.set_result((message["status"], list(message["headers"])))
        elif message["type"] == "http.response.body" and message.get("body"):
            await self._chunks.put(message["body"])
