"""Where drafts of runbooks are kept. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.draft import Draft, DraftStatus


class DraftStore(Protocol):
    """Drafts by the run they were learned from. Nothing here is searched or followed."""

    async def put(self, draft: Draft) -> Draft:
        """Store it and return what is stored: the draft of a run that has one is left as it is."""
        ...

    async def get(self, tenant: str, run_id: str) -> Draft:
        """One. NotFound."""
        ...

    async def list(self, tenant: str, *, status: DraftStatus | None = None, limit: int = 200) -> Sequence[Draft]:
        """The newest first."""
        ...

    async def decide(self, tenant: str, run_id: str, status: DraftStatus, by: str, *, runbook_id: str = "") -> Draft:
        """Merged (into `runbook_id`) or dismissed, with an audit entry. NotFound, IllegalMove when it was decided."""
        ...

    async def delete(self, tenant: str, run_id: str, by: str) -> None:
        """Remove it, whatever became of it, with an audit entry. NotFound."""
        ...
