"""Calls of the app by itself."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from opsagent.web.dashboard.inside import Inside


def caller(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=Inside(app, ("192.0.2.1", 1)), base_url="http://here")  # type: ignore[arg-type]


async def test_it_is_asked_as_by_the_network() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        words = (
            f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {scope['client'][0]} {body.decode()}"
        )
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1")]})
        await send({"type": "http.response.body", "body": words.encode()})

    async with caller(app) as http:
        answer = await http.post("/a/b%20c?d=e", content=b"hello")
    assert (answer.status_code, answer.headers["x-a"]) == (201, "1")
    assert answer.text == "POST /a/b c d=e 192.0.2.1 hello"


async def test_a_stream_is_read_while_it_is_made_and_ends_with_its_reader() -> None:
    gone = asyncio.Event()

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"look", "more_body": True})
        finally:
            gone.set()

    async with caller(app) as http, http.stream("GET", "/") as answer:
        async for chunk in answer.aiter_bytes():
            assert chunk == b"look"
            break
    await asyncio.wait_for(gone.wait(), 5)


async def test_who_leaves_before_the_answer_begins_ends_it() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with caller(app) as http:
        asking = asyncio.create_task(http.get("/"))
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert ended.is_set()


async def test_an_app_that_breaks_breaks_the_call() -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    async with caller(app) as http:
        with pytest.raises(httpx.ReadError):
            await http.get("/")
