"""Carries MCP between standard input and output and whoever answers: a server by HTTP, or the data folder itself."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from importlib.metadata import version
from typing import Any

import httpx

from opsagent.cli.options import Place

_TIMEOUT_S = 60.0
_AT_ONCE = 8  # messages that are being answered; a client that sends more waits
_LONGEST = 4 * 1024 * 1024
_INTERNAL_ERROR, _PARSE_ERROR = -32603, -32700  # JSON-RPC 2.0, section 5.1


async def bridge(url: str, key: str) -> None:
    """Send each line to the server's /mcp and print what it answers, until the input ends."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
    lines = await _input()
    turns, printing = asyncio.Semaphore(_AT_ONCE), asyncio.Lock()
    async with (
        httpx.AsyncClient(base_url=url.rstrip("/"), headers=headers, timeout=_TIMEOUT_S, trust_env=False) as client,
        asyncio.TaskGroup() as group,
    ):

        async def pass_on(line: bytes) -> None:
            try:
                answer = await _answer(client, line)
            finally:
                turns.release()
            if answer:
                async with printing:
                    await asyncio.to_thread(_print, answer)

        while line := await lines.readline():
            if line.strip():
                await turns.acquire()
                group.create_task(pass_on(line))


async def folder_session(place: Place) -> None:
    """Answer from the data folder, and work on its runs meanwhile. FolderInUse, ConfigurationError."""
    from mcp.server.stdio import stdio_server

    from opsagent.bootstrap import build
    from opsagent.cli.person import person
    from opsagent.settings import Settings
    from opsagent.web.mcp_session import server_for

    async with build(Settings.load(place.overrides())) as app, stdio_server() as (hears, says):
        server = server_for(app.agent, person(place.tenant), version("opsagent"))
        await server.run(hears, says, server.create_initialization_options())


async def _input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LONGEST)
    if stat.S_ISREG(os.fstat(0).st_mode):  # a file that was redirected: nothing to wait for
        reader.feed_data(sys.stdin.buffer.read())
        reader.feed_eof()
        return reader
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    return reader


async def _answer(client: httpx.AsyncClient, line: bytes) -> bytes:
    """One line of output, or nothing for a message that is not answered."""
    try:
        message: Any = json.loads(line)
    except ValueError:
        return _error(None, _PARSE_ERROR, "This is no JSON.")
    asked = message.get("id") if isinstance(message, dict) else None
    try:
        answer = await client.post("/mcp", content=line, headers={"Content-Type": "application/json"})
    except httpx.HTTPError as error:
        words = f"The server at {client.base_url} cannot be reached ({type(error).__name__}). Start it, or look at it."
        return b"" if asked is None else _error(asked, _INTERNAL_ERROR, words)
    if answer.status_code == httpx.codes.ACCEPTED or asked is None:
        return b""
    if answer.is_success:
        return answer.content
    return _error(asked, _INTERNAL_ERROR, _problem(answer))


def _problem(answer: httpx.Response) -> str:
    try:
        found: Any = answer.json()
        return f"{found['detail']} {found['fix']}"
    except (ValueError, KeyError, TypeError):
        return f"The server answered {answer.status_code}."


def _error(asked: object, code: int, words: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": asked, "error": {"code": code, "message": words}}).encode()


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()
