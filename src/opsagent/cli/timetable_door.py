"""What commands ask for about schedules, silences, maintenance windows and escalations, of a server or the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Json = dict[str, Any]


class TimetableDoor(Protocol):
    """Answers in the JSON of the API; `fields` are those of its bodies in snake_case, times as ISO 8601."""

    async def schedules(self) -> Sequence[Json]:
        """All schedules by name."""
        ...

    async def schedule(self, name: str) -> Json:
        """One schedule."""
        ...

    async def put_schedule(self, name: str, fields: Json) -> Json:
        """Make or change one."""
        ...

    async def next_firings(self, name: str, count: int) -> Json:
        """When it fires: `{next, local, ...}`."""
        ...

    async def act(self, name: str, what: str) -> Json:
        """`pause` or `resume` a schedule, or `run` what it asks for now."""
        ...

    async def remove_schedule(self, name: str) -> None:
        """Remove one."""
        ...

    async def silences(self) -> Sequence[Json]:
        """Those that have not ended."""
        ...

    async def silence(self, fields: Json) -> Json:
        """Set one."""
        ...

    async def expire(self, silence_id: str) -> None:
        """End one now."""
        ...

    async def windows(self) -> Sequence[Json]:
        """All maintenance windows by name."""
        ...

    async def put_window(self, name: str, fields: Json) -> Json:
        """Make or change one."""
        ...

    async def remove_window(self, name: str) -> None:
        """Remove one."""
        ...

    async def escalations(self, limit: int) -> Sequence[Json]:
        """The newest ones."""
        ...

    async def escalation(self, escalation_id: str) -> Json:
        """One."""
        ...

    async def acknowledge(self, escalation_id: str) -> Json:
        """Say that who asks is looking."""
        ...
