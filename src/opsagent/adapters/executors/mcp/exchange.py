"""One visit to an MCP server by the official SDK, in a process of its own: see what it declares, perhaps call."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import mcp.types as wire
from mcp import ClientSession, McpError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from opsagent.adapters.executors.http.exchange import ALLOW_FIX, cleaner
from opsagent.adapters.executors.http.telling import phrase
from opsagent.adapters.executors.mcp.answers import cut_to, text_of
from opsagent.adapters.executors.mcp.declarations import Declarations
from opsagent.adapters.executors.mcp.parcel import Parcel, Reply
from opsagent.adapters.executors.mcp.pinned import PinnedTransport
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.errors import ExecutionError, OpsAgentError
from opsagent.ports.clock import Clock

_US = wire.Implementation(name="opsagent", version="1")
_WORDS = 300


async def visit(parcel: Parcel, clock: Clock, *, begins: Callable[[], None]) -> Reply:
    """Do what the parcel says, once. `begins` is called before a call leaves. It raises nothing of the server's."""
    visiting = _Visit(parcel, clock, begins)
    try:
        async with asyncio.timeout(parcel.total_timeout_s):
            await visiting.go()
    except Exception as error:  # noqa: BLE001 - the edge of this process: whatever a server makes the SDK raise
        reply = visiting.reply or visiting.failed(error)  # how it is left says nothing about what it has answered
    else:
        reply = visiting.reply or Reply(sent=visiting.sent, problem="the server went away")
    return reply.redacted(cleaner(parcel.secrets))


class _Visit:
    """The state of one visit."""

    def __init__(self, parcel: Parcel, clock: Clock, begins: Callable[[], None]) -> None:
        self._parcel, self._clock, self._begins = parcel, clock, begins
        self._transport: PinnedTransport | None = None
        self.sent = False
        self.reply: Reply | None = None

    async def go(self) -> None:
        """Connect, look, perhaps call."""
        async with self._streams() as (hears, says), ClientSession(hears, says, client_info=_US) as session:
            began = await session.initialize()
            declared = await Declarations.of(session)
            if self._parcel.tool:
                self.reply = await self._call(session, declared)
            else:
                server = f"{began.serverInfo.name} {began.serverInfo.version}".strip()
                self.reply = Reply(server=server[:_WORDS], declared=declared.told(self._parcel.asked))

    def failed(self, error: Exception) -> Reply:
        """What went wrong, in words."""
        problem, fix = _words(error, self._parcel, self._transport)
        return Reply(sent=self.sent, problem=problem[:_WORDS].rstrip("."), fix=fix)

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[tuple[Any, Any]]:
        parcel = self._parcel
        if parcel.argv:
            started = StdioServerParameters(
                command=parcel.argv[0],
                args=list(parcel.argv[1:]),
                env=dict(parcel.environment),
                encoding_error_handler="replace",
            )
            async with stdio_client(started, errlog=sys.stderr) as streams:
                yield streams
            return
        config = OutboundConfig(
            allow_private=parcel.allow_private,
            allow_link_local=parcel.allow_link_local,
            connect_timeout_s=parcel.connect_timeout_s,
            read_timeout_s=parcel.total_timeout_s,
            total_timeout_s=parcel.total_timeout_s,
            max_response_bytes=4 * parcel.cap_bytes + 1024 * 1024,
            ca_file=Path(parcel.ca_file) if parcel.ca_file else None,
            allow_fix=ALLOW_FIX,
        )
        self._transport = PinnedTransport(OutboundClient(config, self._clock), dict(parcel.headers), self._begin)
        async with (
            httpx.AsyncClient(transport=self._transport, trust_env=False, timeout=parcel.total_timeout_s) as client,
            streamable_http_client(parcel.url, http_client=client) as (hears, says, _),
        ):
            yield hears, says

    def _begin(self) -> None:
        if not self.sent:
            self._begins()
        self.sent = True

    async def _call(self, session: ClientSession, declared: Declarations) -> Reply:
        """Call the tool that was judged. ExecutionError: it is not that tool, and it was not called."""
        parcel = self._parcel
        seen = declared.of_call(parcel.tool, parcel.arguments)
        if seen["problem"]:
            raise ExecutionError(f"{parcel.tool} cannot be called: {seen['problem']}.", fix="Correct the call.")
        if seen["fingerprint"] != parcel.fingerprint:
            raise ExecutionError(
                f"{parcel.tool} is declared otherwise than when it was judged.",
                fix="Start the step again: it is judged and asked anew.",
            )
        if parcel.argv:
            self._begin()
        params = wire.CallToolRequestParams(name=parcel.tool, arguments=dict(parcel.arguments))
        request = wire.ClientRequest(wire.CallToolRequest(params=params))
        try:  # not `call_tool`: that one holds an answer against the tool's schema and loses it where it does not fit
            answer = await session.send_request(request, wire.CallToolResult)
        except McpError as error:
            if error.error.code == wire.CONNECTION_CLOSED:
                raise
            return Reply(sent=True, ok=False, text=cut_to(error.error.message, parcel.cap_bytes)[0])
        text, cut = cut_to(text_of(answer), parcel.cap_bytes)
        return Reply(sent=True, ok=not answer.isError, text=text, cut=cut)


def _words(error: Exception, parcel: Parcel, transport: PinnedTransport | None) -> tuple[str, str]:
    """Why there is no answer, and what to do."""
    if transport is not None and transport.trouble is not None:
        return transport.trouble.message, transport.trouble.fix
    if transport is not None and transport.status >= 300:
        fix = "Look at the credential and its rights." if transport.status in (401, 403) else "Look at the address."
        return f"the server answered {phrase(transport.status)}", fix
    found = next((words for one in _leaves(error) if (words := _of_leaf(one, parcel))), None)
    kind = type(next(_leaves(error))).__name__
    return found or (f"what the server said could not be read ({kind})", "Look at its log and its version.")


def _of_leaf(error: BaseException, parcel: Parcel) -> tuple[str, str] | None:
    if isinstance(error, OpsAgentError):
        return error.message, error.fix
    if isinstance(error, TimeoutError):
        return f"there was no answer within {parcel.total_timeout_s:g} s", "Look at the server's load and log."
    if isinstance(error, FileNotFoundError | PermissionError) and parcel.argv:
        why = f"{parcel.argv[0]} cannot be started: {error.strerror}"
        return why, "Name a program below /usr, or let the setting mcp_folders show its folder to servers."
    if isinstance(error, McpError):
        return f"the server said: {error.error.message}", "Look at its log."
    return None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors themselves, without the groups around them."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
