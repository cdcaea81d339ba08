"""What is kept of the chat. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.conversation import Conversation, Line
from opsagent.domain.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class LineKey:
    """A name for one line of a conversation, and the SHA-256 of what it was asked with."""

    key: str
    request_sha256: str = ""


class ConversationStore(Protocol):
    """Conversations and their lines. Whose they are is checked by whoever asks; the tenant is checked here."""

    async def create(self, conversation: Conversation) -> Conversation:
        """Store a new one. A conditional put."""
        ...

    async def get(self, tenant: str, conversation_id: str) -> Conversation:
        """One. NotFound. A get by key."""
        ...

    async def list(self, tenant: str, *, owner: str = "", limit: int = 50, cursor: str = "") -> Page[Conversation]:
        """Those of an owner, or all of the tenant, newest first. A key-range read; InputError for a bad cursor."""
        ...

    async def lines(self, tenant: str, conversation_id: str, *, after: int = 0, limit: int = 200) -> Sequence[Line]:
        """Lines above a number, in order. One key-range read; empty for a conversation that is not there."""
        ...

    async def append(self, line: Line, *, key: LineKey | None = None) -> Line:
        """Number the line and store it; the first message gives the conversation its title.

        With a key that was used before in this conversation, return the line it made; IdempotencyMismatch if the
        request differs. NotFound; ConflictError once it has MAX_LINES.
        """
        ...

    async def delete(self, tenant: str, conversation_id: str, by: str) -> None:
        """Remove it with its lines, with an audit entry; runs that came of it stay. NotFound."""
        ...
