"""What `opsagent people` asks for, of a server or the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Json = dict[str, Any]


class PeopleDoor(Protocol):
    """Answers in the JSON of the API. Somebody is named by their login or their id."""

    async def all(self) -> Sequence[Json]:
        """Everybody of the tenant, by name."""
        ...

    async def add(self, fields: Json) -> Json:
        """Somebody new; `fields` are those of the API in snake_case."""
        ...

    async def role(self, who: str, role: str) -> Json:
        """What they may do from now on."""
        ...

    async def password(self, who: str, password: str) -> Json:
        """What they sign in with from now on."""
        ...

    async def disable(self, who: str, *, on: bool) -> Json:
        """Keep them out, or let them in again."""
        ...

    async def sign_out(self, who: str) -> None:
        """Every session of theirs is over."""
        ...

    async def invite(self, who: str) -> Json:
        """A link that sets their password, once."""
        ...
