"""The door of a running server, continued: schedules, silences, maintenance windows and escalations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
SCHEDULES, SILENCES, WINDOWS = "/api/v1/schedules", "/api/v1/silences", "/api/v1/maintenance"
ESCALATIONS = "/api/v1/escalations"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTimetable:
    """Asks the server; `ask(method, path, body=None, query=None)` raises its problems as the errors they were."""

    ask: Callable[..., Awaitable[Json]]

    async def schedules(self) -> Sequence[Json]:
        """All by name."""
        return await self._listed(SCHEDULES, "schedules")

    async def schedule(self, name: str) -> Json:
        """One."""
        return await self.ask("GET", f"{SCHEDULES}/{quote(name, safe='')}")

    async def put_schedule(self, name: str, fields: Json) -> Json:
        """Make or change one."""
        return await self.ask("PUT", f"{SCHEDULES}/{quote(name, safe='')}", fields)

    async def next_firings(self, name: str, count: int) -> Json:
        """When it fires."""
        return await self.ask("GET", f"{SCHEDULES}/{quote(name, safe='')}/next", query={"count": str(count)})

    async def act(self, name: str, what: str) -> Json:
        """Pause, resume or run it."""
        return await self.ask("POST", f"{SCHEDULES}/{quote(name, safe='')}/{what}")

    async def remove_schedule(self, name: str) -> None:
        """Remove one."""
        await self.ask("DELETE", f"{SCHEDULES}/{quote(name, safe='')}")

    async def silences(self) -> Sequence[Json]:
        """Those that have not ended."""
        return await self._listed(SILENCES, "silences")

    async def silence(self, fields: Json) -> Json:
        """Set one."""
        return await self.ask("POST", SILENCES, fields)

    async def expire(self, silence_id: str) -> None:
        """End one now."""
        await self.ask("DELETE", f"{SILENCES}/{quote(silence_id, safe='')}")

    async def windows(self) -> Sequence[Json]:
        """All by name."""
        return await self._listed(WINDOWS, "windows")

    async def put_window(self, name: str, fields: Json) -> Json:
        """Make or change one."""
        return await self.ask("PUT", f"{WINDOWS}/{quote(name, safe='')}", fields)

    async def remove_window(self, name: str) -> None:
        """Remove one."""
        await self.ask("DELETE", f"{WINDOWS}/{quote(name, safe='')}")

    async def escalations(self, limit: int) -> Sequence[Json]:
        """The newest ones."""
        found: list[Json] = (await self.ask("GET", ESCALATIONS, query={"limit": str(limit)}))["escalations"]
        return found

    async def escalation(self, escalation_id: str) -> Json:
        """One."""
        return await self.ask("GET", f"{ESCALATIONS}/{quote(escalation_id, safe='')}")

    async def acknowledge(self, escalation_id: str) -> Json:
        """Say that who asks is looking."""
        return await self.ask("POST", f"{ESCALATIONS}/{quote(escalation_id, safe='')}/acknowledge")

    async def _listed(self, path: str, key: str) -> Sequence[Json]:
        found: list[Json] = (await self.ask("GET", path))[key]
        return found
