"""What `opsagent chat` asks for, of a server or the store."""

from __future__ import annotations

from typing import Any, Protocol

Json = dict[str, Any]


class ChatDoor(Protocol):
    """Answers in the JSON of the API."""

    async def begin(self) -> Json:
        """A new conversation."""
        ...

    async def conversations(self, limit: int) -> Json:
        """`{conversations, nextCursor}`: who asks' own, newest first."""
        ...

    async def lines(self, conversation_id: str, *, after: int = 0) -> Json:
        """`{conversation, lines, nextAfter}`."""
        ...

    async def say(self, conversation_id: str, text: str) -> Json:
        """`{message, reply}`."""
        ...

    async def start(self, conversation_id: str, line: int, *, looks: bool, connection: str) -> Json:
        """The line of the run that was started."""
        ...

    async def forget(self, conversation_id: str) -> None:
        """Remove one."""
        ...
