"""The door of a running server, continued: runbooks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
RUNBOOKS = "/api/v1/runbooks"
PATH_CHARS = 200  # of a runbook's path, its end, and of a note: what the route takes


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLibrary:
    """Asks the server; `ask(method, path, body=None, query=None)` raises its problems as the errors they were."""

    ask: Callable[..., Awaitable[Json]]

    async def runbooks(self) -> Sequence[Json]:
        """All runbooks by creation."""
        return list((await self.ask("GET", RUNBOOKS))["runbooks"])

    async def runbook(self, runbook_id: str) -> Json:
        """One runbook with its source."""
        return await self.ask("GET", _of(runbook_id))

    async def put(self, text: str, path: str, **fields: str | None) -> Json:
        """Check and store one."""
        given = {key: value for key, value in fields.items() if value is not None}
        if "note" in given:
            given["note"] = given["note"][:PATH_CHARS]
        return await self.ask("POST", RUNBOOKS, {"text": text, "path": path[-PATH_CHARS:], **given})

    async def instruct(self, fields: Json) -> Json:
        """Store a runbook of one step."""
        return await self.ask("POST", f"{RUNBOOKS}/instructions", fields)

    async def remove(self, runbook_id: str) -> None:
        """Delete one."""
        await self.ask("DELETE", _of(runbook_id))

    async def enable(self, runbook_id: str, *, on: bool) -> Json:
        """Let it be found and followed, or not."""
        return await self.ask("POST", f"{_of(runbook_id)}/{'enable' if on else 'disable'}")

    async def versions(self, runbook_id: str) -> Sequence[Json]:
        """All versions, the newest first."""
        return list((await self.ask("GET", f"{_of(runbook_id)}/versions"))["versions"])

    async def version(self, runbook_id: str, which: str) -> Json:
        """One version with its source."""
        return await self.ask("GET", f"{_of(runbook_id)}/versions/{quote(which, safe='')}")

    async def diff(self, runbook_id: str, old: str, new: str) -> Json:
        """What changed between two versions."""
        query = {name: value for name, value in (("old", old), ("new", new)) if value}
        return await self.ask("GET", f"{_of(runbook_id)}/diff", query=query)

    async def restore(self, runbook_id: str, which: str) -> Json:
        """Store an earlier version again."""
        return await self.ask("POST", f"{_of(runbook_id)}/restore", {"version": which})

    async def rehearse(self, runbook_id: str, connection: str, given: Json) -> Json:
        """What a runbook would do, judged and not run."""
        return await self.ask("POST", f"{_of(runbook_id)}/dry-run", {"connection": connection, "parameters": given})

    async def search(self, query: str, limit: int) -> Json:
        """What answers the query."""
        return await self.ask("GET", f"{RUNBOOKS}/search", query={"q": query, "limit": str(limit)})

    async def coverage(self, rules: str, file: str, *, links: bool) -> Json:
        """Which alerts have a runbook that works here."""
        body = {"rules": rules, "file": file[-PATH_CHARS:], "links": links}
        return await self.ask("POST", f"{RUNBOOKS}/coverage", body)


def _of(runbook_id: str) -> str:
    return f"{RUNBOOKS}/{quote(runbook_id, safe='')}"
