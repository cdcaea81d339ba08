"""The door of a running server, continued: notices and channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
NOTICES, CHANNELS = "/api/v1/notices", "/api/v1/channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteNotices:
    """Asks the server; `ask(method, path, body=None, query=None)` raises its problems as the errors they were."""

    ask: Callable[..., Awaitable[Json]]

    async def notices(
        self, *, status: str = "", run_id: str = "", channel: str = "", limit: int = 50, cursor: str = ""
    ) -> Json:
        """Newest first."""
        given = {"status": status, "runId": run_id, "channel": channel, "limit": str(limit), "cursor": cursor}
        return await self.ask("GET", NOTICES, query={name: value for name, value in given.items() if value})

    async def notice(self, notice_id: str) -> Json:
        """One."""
        return await self.ask("GET", f"{NOTICES}/{quote(notice_id, safe='')}")

    async def resend(self, notice_id: str) -> Json:
        """Send one again."""
        return await self.ask("POST", f"{NOTICES}/{quote(notice_id, safe='')}/resend")

    async def channels(self) -> Json:
        """By name."""
        return await self.ask("GET", CHANNELS)

    async def test_channel(self, name: str, address: str) -> Json:
        """Send a test."""
        return await self.ask("POST", f"{CHANNELS}/{quote(name, safe='')}/test", {"address": address})

    async def push(self) -> None:
        """The server's outbox does that."""
