"""The door of a running server, continued: the chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
CONVERSATIONS = "/api/v1/conversations"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteChat:
    """Asks the server; `ask(method, path, body=None, query=None)` raises its problems as the errors they were."""

    ask: Callable[..., Awaitable[Json]]

    async def begin(self) -> Json:
        """A new one."""
        return await self.ask("POST", CONVERSATIONS)

    async def conversations(self, limit: int) -> Json:
        """Newest first."""
        return await self.ask("GET", CONVERSATIONS, query={"limit": str(limit)})

    async def lines(self, conversation_id: str, *, after: int = 0) -> Json:
        """Its lines above a number."""
        return await self.ask("GET", _one(conversation_id), query={"after": str(after)})

    async def say(self, conversation_id: str, text: str) -> Json:
        """Say something."""
        return await self.ask("POST", f"{_one(conversation_id)}/messages", {"text": text})

    async def start(self, conversation_id: str, line: int, *, looks: bool, connection: str) -> Json:
        """Start what was offered."""
        return await self.ask(
            "POST", f"{_one(conversation_id)}/start", {"line": line, "only_looks": looks, "connection": connection}
        )

    async def forget(self, conversation_id: str) -> None:
        """Remove one."""
        await self.ask("DELETE", _one(conversation_id))


def _one(conversation_id: str) -> str:
    return f"{CONVERSATIONS}/{quote(conversation_id, safe='')}"
