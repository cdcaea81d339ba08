"""The door of a running server, continued: people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
PEOPLE = "/api/v1/people"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePeople:
    """Asks the server; `ask(method, path, body=None, query=None)` raises its problems as the errors they were."""

    ask: Callable[..., Awaitable[Json]]

    async def all(self) -> Sequence[Json]:
        """Everybody of the tenant."""
        return list((await self.ask("GET", PEOPLE))["people"])

    async def add(self, fields: Json) -> Json:
        """Somebody new."""
        return await self.ask("POST", PEOPLE, fields)

    async def role(self, who: str, role: str) -> Json:
        """What they may do from now on."""
        return await self.ask("PUT", f"{_one(who)}/role", {"role": role})

    async def password(self, who: str, password: str) -> Json:
        """What they sign in with from now on."""
        return await self.ask("PUT", f"{_one(who)}/password", {"password": password})

    async def disable(self, who: str, *, on: bool) -> Json:
        """Keep them out, or let them in again."""
        return await self.ask("PUT", f"{_one(who)}/disabled", {"disabled": on})

    async def sign_out(self, who: str) -> None:
        """Every session of theirs is over."""
        await self.ask("DELETE", f"{_one(who)}/sessions")

    async def invite(self, who: str) -> Json:
        """A link that sets their password."""
        return await self.ask("POST", f"{_one(who)}/invitation")


def _one(who: str) -> str:
    return f"{PEOPLE}/{quote(who, safe='')}"
