"""What commands ask for about runbooks, of a server or of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Json = dict[str, Any]


class LibraryDoor(Protocol):
    """Answers in the JSON of the API; `fields` are those of its bodies in snake_case."""

    async def runbooks(self) -> Sequence[Json]:
        """All runbooks by creation."""
        ...

    async def runbook(self, runbook_id: str) -> Json:
        """One runbook with its source."""
        ...

    async def put(self, text: str, path: str, **fields: str | None) -> Json:
        """Check and store one; `fields` are `note`, `origin` and `expected_version`."""
        ...

    async def instruct(self, fields: Json) -> Json:
        """Store a runbook of one step."""
        ...

    async def remove(self, runbook_id: str) -> None:
        """Delete one; its versions stay."""
        ...

    async def enable(self, runbook_id: str, *, on: bool) -> Json:
        """Let it be found and followed, or not."""
        ...

    async def versions(self, runbook_id: str) -> Sequence[Json]:
        """All versions, the newest first."""
        ...

    async def version(self, runbook_id: str, which: str) -> Json:
        """One version with its source."""
        ...

    async def diff(self, runbook_id: str, old: str, new: str) -> Json:
        """`{old, new, diff}`."""
        ...

    async def restore(self, runbook_id: str, which: str) -> Json:
        """Store an earlier version again."""
        ...

    async def rehearse(self, runbook_id: str, connection: str, given: Json) -> Json:
        """What a runbook would do, judged and not run: `{steps, denied}`."""
        ...

    async def search(self, query: str, limit: int) -> Json:
        """`{query, fits, hits}`."""
        ...

    async def coverage(self, rules: str, file: str, *, links: bool) -> Json:
        """`{counts, alerts}`: which alerts of a rule file have a runbook that works here."""
        ...
