"""Live streams: told that something changed, look in the store and send what is new; never trust the hint alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from opsagent.domain.event import RunEvent
from opsagent.errors import RateLimited
from opsagent.web.deps import WebDeps

ANYWAY_S = 60.0
SEND_TIMEOUT_S = 30.0  # a client that takes nothing for so long has gone without saying so


class Streams:
    """The open streams of one server: how many there may be, and the one bell that ends them all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open = 0
        self._closing = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def closing(self) -> bool:
        """Whether the server is going down."""
        return self._closing.is_set()

    def close(self) -> None:
        """End every stream now; the server calls it first when it goes down."""
        self._closing.set()

    async def closed(self) -> None:
        """Wait for the bell."""
        await self._closing.wait()

    async def emptied(self, within_s: float) -> None:
        """Wait until every stream has said goodbye to its watcher, for so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._empty.wait()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places. RateLimited when all are taken."""
        if self._open >= self._limit:
            raise RateLimited(
                f"{self._limit} live streams are open, which is all there may be.",
                fix="Close some, or read the events without Accept: text/event-stream.",
                extra={"retryAfter": 5},
            )
        self._open += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._open -= 1
            if self._open == 0:
                self._empty.set()


def streams_of(connection: HTTPConnection) -> Streams:
    """The streams of the app that serves this request."""
    return streams_of_app(connection.app)


def streams_of_app(app: FastAPI) -> Streams:
    """The app's streams."""
    streams = app.state.streams
    if not isinstance(streams, Streams):
        raise TypeError("the app was not made by create_app")
    return streams


async def changes(deps: WebDeps, streams: Streams, tenant: str, run_id: str) -> AsyncGenerator[RunEvent | None]:
    """Yield at once, then whenever the run may have changed, and every `tick_s`; end when the server goes down.

    What it yields is the latest that a model wrote so far, which is not stored, or None.

    Hints that come while the consumer is busy (a slow client) are one hint: nothing piles up.
    """
    async with aclosing(_times(deps, streams, tenant, run_id)) as times:
        async for _, event in times:
            yield event


async def looks(deps: WebDeps, streams: Streams, tenant: str) -> AsyncGenerator[bool]:
    """The same of a whole tenant: True when something may have changed, False when only time has passed.

    Where others write to the store, too, whose writes nobody here is told of, it is always True; and after
    ANYWAY_S in any case, for a command that was given beside the server.
    """
    quiet_s = 0.0
    async with aclosing(_times(deps, streams, tenant, "")) as times:
        async for heard, _ in times:
            quiet_s = 0.0 if heard or quiet_s >= ANYWAY_S else quiet_s + deps.config.tick_s
            yield not quiet_s or not deps.hears_every_write


async def _times(
    deps: WebDeps, streams: Streams, tenant: str, run_id: str
) -> AsyncGenerator[tuple[bool, RunEvent | None]]:
    """When to look, whether because something was heard, and the latest that a model wrote."""
    changed, passing = asyncio.Event(), _Passing()
    pump = asyncio.create_task(_pump(deps.agent.live.watch(tenant, run_id), changed, passing))
    bell = asyncio.create_task(streams.closed())
    waiter: asyncio.Task[bool] | None = None
    try:
        await asyncio.sleep(0)  # the pump listens before the consumer first looks, so nothing falls between
        heard = True
        while not streams.closing:
            changed.clear()
            yield heard, passing.take()
            waiter = asyncio.create_task(changed.wait())
            await asyncio.wait({waiter, bell, pump}, timeout=deps.config.tick_s, return_when=asyncio.FIRST_COMPLETED)
            waiter.cancel()
            heard = changed.is_set()
            if pump.done():  # whoever tells has stopped telling: the server goes down
                return
    finally:
        tasks = [task for task in (pump, bell, waiter) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Passing:
    """The one latest thing that is told and not stored."""

    def __init__(self) -> None:
        self._latest: RunEvent | None = None

    def put(self, event: RunEvent) -> None:
        self._latest = event

    def take(self) -> RunEvent | None:
        latest, self._latest = self._latest, None
        return latest


async def _pump(hints: AsyncIterator[RunEvent | None], changed: asyncio.Event, passing: _Passing) -> None:
    try:
        async for hint in hints:
            if hint is not None and not hint.sequence:
                passing.put(hint)
            changed.set()
    finally:
        close = getattr(hints, "aclose", None)  # an iterator may or may not need it
        if close is not None:
            await close()


class EventStream(Response):
    """Server-sent events from a generator; ends with it, with the client, or when a client takes nothing any more."""

    media_type = "text/event-stream"

    def __init__(self, lines: AsyncGenerator[bytes], streams: Streams) -> None:
        self.status_code = 200
        self.background = None
        self._lines = lines
        self._streams = streams
        self.init_headers({"X-Accel-Buffering": "no"})  # nginx would hold the events back

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Serve it. RateLimited, before anything is sent, when there is no place."""
        with self._streams.place():
            sender = asyncio.create_task(self._send_all(send))
            gone = asyncio.create_task(_gone(receive))
            try:
                await asyncio.wait({sender, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                if not sender.done():
                    sender.cancel()
                await asyncio.gather(sender, gone, return_exceptions=True)
                await self._lines.aclose()
            if not sender.cancelled():
                sender.result()

    async def _send_all(self, send: Send) -> None:
        try:
            await _in_time(send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for line in self._lines:
                await _in_time(send, {"type": "http.response.body", "body": line, "more_body": True})
            await _in_time(send, {"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, TimeoutError):
            return  # the client is gone, or takes nothing: its Last-Event-ID brings it back


async def _in_time(send: Send, message: Message) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send(message)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
