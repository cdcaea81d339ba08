"""What commands ask for about drafts of runbooks, of a server or of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from opsagent.domain.draft import DraftStatus
from opsagent.domain.identity import Principal

if TYPE_CHECKING:
    from opsagent.bootstrap import App

Json = dict[str, Any]
DRAFTS = "/api/v1/drafts"


class DraftDoor(Protocol):
    """Answers in the JSON of the API."""

    async def drafts(self, status: str) -> Json:
        """`{drafts}`: those of a status, or `all`."""
        ...

    async def draft(self, run_id: str) -> Json:
        """One with its text."""
        ...

    async def rehearse(self, run_id: str) -> Json:
        """What it would do, judged and not run: `{steps, denied}`."""
        ...

    async def merge(self, run_id: str, text: str) -> Json:
        """Make it a runbook; the runbook with its source."""
        ...

    async def dismiss(self, run_id: str) -> Json:
        """Nobody wants it."""
        ...

    async def delete(self, run_id: str) -> None:
        """Remove it for good."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDrafts:
    """Asks the server; `ask(method, path, body=None, query=None)` raises its problems as the errors they were."""

    ask: Callable[..., Awaitable[Json]]

    async def drafts(self, status: str) -> Json:
        """Those of a status, or `all`."""
        return await self.ask("GET", DRAFTS, query={"status": status})

    async def draft(self, run_id: str) -> Json:
        """One with its text."""
        return await self.ask("GET", _of(run_id))

    async def rehearse(self, run_id: str) -> Json:
        """What it would do, judged and not run."""
        return await self.ask("POST", f"{_of(run_id)}/dry-run")

    async def merge(self, run_id: str, text: str) -> Json:
        """Make it a runbook."""
        return await self.ask("POST", f"{_of(run_id)}/merge", {"text": text})

    async def dismiss(self, run_id: str) -> Json:
        """Nobody wants it."""
        return await self.ask("POST", f"{_of(run_id)}/dismiss")

    async def delete(self, run_id: str) -> None:
        """Remove it for good."""
        await self.ask("DELETE", _of(run_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDrafts:
    """Read and decided through the app built here."""

    app: App
    principal: Principal

    async def drafts(self, status: str) -> Json:
        """Those of a status, or `all`."""
        from opsagent.web.draft_views import draft_list

        wanted = None if status == "all" else DraftStatus(status)
        return dict(draft_list(await self.app.agent.drafts.list(self.principal.tenant, wanted)))

    async def draft(self, run_id: str) -> Json:
        """One with its text."""
        from opsagent.web.draft_views import draft_detail

        return dict(draft_detail(await self.app.agent.drafts.get(self.principal.tenant, run_id)))

    async def rehearse(self, run_id: str) -> Json:
        """What it would do, judged and not run."""
        from opsagent.web.views import rehearsal_json

        await self.app.executor.probe()  # the policy may ask for a minimum
        return dict(rehearsal_json(await self.app.agent.drafts.rehearse(self.principal.tenant, run_id)))

    async def merge(self, run_id: str, text: str) -> Json:
        """Make it a runbook."""
        from opsagent.web.library_views import runbook_detail

        await self.app.executor.probe()  # as above
        stored = await self.app.agent.drafts.merge(self.principal, run_id, text)
        return dict(runbook_detail(await self.app.agent.library.get(self.principal.tenant, stored.id)))

    async def dismiss(self, run_id: str) -> Json:
        """Nobody wants it."""
        from opsagent.web.draft_views import draft_json

        return dict(draft_json(await self.app.agent.drafts.dismiss(self.principal, run_id)))

    async def delete(self, run_id: str) -> None:
        """Remove it for good."""
        await self.app.agent.drafts.delete(self.principal, run_id)


def _of(run_id: str) -> str:
    return f"{DRAFTS}/{quote(run_id, safe='')}"
