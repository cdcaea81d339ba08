"""The local door, continued: the chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsagent.bootstrap import App
from opsagent.domain.identity import Principal
from opsagent.loop.conversations import Conversations, chat_of
from opsagent.web.conversations_views import conversation_json, conversation_list, line_json

Json = dict[str, Any]
_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalChat:
    """The conversations of the person at this machine, through the app built here."""

    app: App
    principal: Principal

    @property
    def _conversations(self) -> Conversations:
        return chat_of(self.app.agent)

    async def begin(self) -> Json:
        """A new one."""
        return dict(conversation_json(await self._conversations.begin(self.principal)))

    async def conversations(self, limit: int) -> Json:
        """Newest first."""
        return dict(conversation_list(await self._conversations.list(self.principal, limit=limit)))

    async def lines(self, conversation_id: str, *, after: int = 0) -> Json:
        """Its lines above a number."""
        found = await self._conversations.get(self.principal, conversation_id)
        lines = await self._conversations.lines(self.principal, found.id, after=after, limit=_AT_ONCE)
        return {
            "conversation": conversation_json(found),
            "lines": [await line_json(self.app.agent, self.principal, one) for one in lines],
            "nextAfter": lines[-1].number if len(lines) == _AT_ONCE else None,
        }

    async def say(self, conversation_id: str, text: str) -> Json:
        """Say something."""
        message, reply = await self._conversations.say(self.principal, conversation_id, text)
        agent = self.app.agent
        return {
            "message": await line_json(agent, self.principal, message),
            "reply": await line_json(agent, self.principal, reply),
        }

    async def start(self, conversation_id: str, line: int, *, looks: bool, connection: str) -> Json:
        """Start what was offered."""
        started = await self._conversations.start(
            self.principal, conversation_id, line, looks=looks, connection=connection
        )
        return dict(await line_json(self.app.agent, self.principal, started))

    async def forget(self, conversation_id: str) -> None:
        """Remove one."""
        await self._conversations.delete(self.principal, conversation_id)
