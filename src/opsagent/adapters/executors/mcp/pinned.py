"""Carries the SDK's requests by our one client for everything that leaves: no stranger's address, no redirect, limits.

There is no stream from the server (a GET is answered 405, as the protocol allows): nobody here waits for one.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx

from opsagent.adapters.outbound import OutboundClient
from opsagent.errors import OpsAgentError

_HEADERS = frozenset({"accept", "content-type", "mcp-session-id", "mcp-protocol-version", "last-event-id"})


class PinnedTransport(httpx.AsyncBaseTransport):
    """`begins` is called before the first byte of a `tools/call` leaves. `trouble` is the latest request's failure."""

    def __init__(self, client: OutboundClient, own: dict[str, str], begins: Callable[[], None]) -> None:
        self._client, self._own, self._begins = client, own, begins
        self.trouble: OpsAgentError | None = None
        self.status = 0  # of the latest answer to a POST

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it once. httpx.TransportError where there is no answer; `trouble` then says why."""
        if request.method == "GET":
            return httpx.Response(405, request=request)
        content = await request.aread()
        headers = {name: value for name, value in request.headers.items() if name.lower() in _HEADERS}
        try:
            answer = await self._client.request(
                request.method,
                str(request.url),
                headers={**headers, **self._own},
                content=content,
                redirects=0,
                begins=self._begins if _calls(content) else None,
            )
        except OpsAgentError as error:
            self.trouble = error
            raise httpx.TransportError(error.message) from error
        if request.method == "POST":
            self.status = answer.status
        unpacked = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
        return httpx.Response(answer.status, headers=unpacked, content=answer.body, request=request)


def _calls(content: bytes) -> bool:
    """Whether the message calls a tool."""
    try:
        message = json.loads(content)
    except ValueError:
        return True
    return not isinstance(message, dict) or message.get("method") == "tools/call"
