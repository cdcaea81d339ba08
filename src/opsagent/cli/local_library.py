"""The local door, continued: runbooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opsagent.bootstrap import App
from opsagent.cli.local_catalogue import checked
from opsagent.domain.identity import Principal
from opsagent.loop.library import Library
from opsagent.web import library_views, views

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLibrary:
    """Read and changed through the app built here; a server on the same store searches what is stored at once."""

    app: App
    principal: Principal

    @property
    def _library(self) -> Library:
        return self.app.agent.library

    async def runbooks(self) -> Sequence[Json]:
        """All runbooks by creation."""
        return [dict(library_views.runbook_json(one)) for one in await self._library.list(self.principal.tenant)]

    async def runbook(self, runbook_id: str) -> Json:
        """One runbook with its source."""
        return dict(library_views.runbook_detail(await self._library.get(self.principal.tenant, runbook_id)))

    async def put(self, text: str, path: str, **fields: str | None) -> Json:
        """Check and store one."""
        stored = await self._library.put(
            self.principal,
            text,
            path,
            expected=fields.get("expected_version"),
            note=fields.get("note") or "",
            origin=fields.get("origin") or "",
        )
        return await self.runbook(stored.id)

    async def instruct(self, fields: Json) -> Json:
        """Store a runbook of one step."""
        from opsagent.web.library import NewInstruction

        asked = checked(NewInstruction, fields).instruction()
        return await self.runbook((await self._library.instruct(self.principal, asked)).id)

    async def remove(self, runbook_id: str) -> None:
        """Delete one."""
        await self.app.stores.runbooks.delete(self.principal.tenant, runbook_id, self.principal.id)

    async def enable(self, runbook_id: str, *, on: bool) -> Json:
        """Let it be found and followed, or not."""
        return await self.runbook((await self._library.enable(self.principal, runbook_id, on=on)).id)

    async def versions(self, runbook_id: str) -> Sequence[Json]:
        """All versions, the newest first."""
        found = await self.app.stores.runbooks.versions(self.principal.tenant, runbook_id)
        return [dict(library_views.version_json(one)) for one in found]

    async def version(self, runbook_id: str, which: str) -> Json:
        """One version with its source."""
        return dict(
            library_views.version_detail(*await self._library.version(self.principal.tenant, runbook_id, which))
        )

    async def diff(self, runbook_id: str, old: str, new: str) -> Json:
        """What changed between two versions."""
        found = await self._library.difference(self.principal.tenant, runbook_id, old, new)
        return dict(library_views.difference_json(runbook_id, found))

    async def restore(self, runbook_id: str, which: str) -> Json:
        """Store an earlier version again."""
        return await self.runbook((await self._library.restore(self.principal, runbook_id, which)).id)

    async def rehearse(self, runbook_id: str, connection: str, given: Json) -> Json:
        """What a runbook would do, judged and not run."""
        await self.app.executor.probe()  # the policy may ask for a minimum
        found = await self._library.rehearse(self.principal.tenant, runbook_id, connection=connection, given=given)
        return dict(views.rehearsal_json(found))

    async def search(self, query: str, limit: int) -> Json:
        """What answers the query."""
        return dict(library_views.found_json(await self._library.search(self.principal.tenant, query, limit=limit)))

    async def coverage(self, rules: str, file: str, *, links: bool) -> Json:
        """Which alerts have a runbook that works here."""
        await self.app.executor.probe()  # as above
        read = await self._library.read_rules(rules, file)
        return dict(library_views.coverage_report(await self._library.cover(self.principal.tenant, read, links=links)))
