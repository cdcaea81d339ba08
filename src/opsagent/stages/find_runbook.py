"""Find the runbook: exactly by name when it is to be executed, by search when it is to be suggested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.run import Run
from opsagent.domain.runbook import Runbook
from opsagent.domain.ticket import Ticket
from opsagent.errors import NotFound
from opsagent.ports.catalogue import RunbookStore
from opsagent.ports.index import RunbookIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """`runbook` may be executed (it was named, or matched exactly); `candidates` may only be suggested."""

    runbook: Runbook | None
    candidates: Sequence[Runbook]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRunbook:
    """Looks in the store, and in the index kept from it."""

    runbooks: RunbookStore
    index: RunbookIndex

    async def __call__(self, run: Run, ticket: Ticket | None) -> Match:
        """Never raises for want of a runbook: that is an answer, in `why`."""
        if run.runbook_id:
            return await self._named(run)
        revision = await self.runbooks.revision(run.tenant)
        everything = [one for one in await self.runbooks.list(run.tenant) if one.enabled]
        if ticket is not None:
            match = _by_alert(everything, ticket)
            if match is not None:
                return match
        if not everything:
            return Match(runbook=None, candidates=(), why="no runbook is stored, or all are disabled")
        query = ticket.name if ticket else run.task
        await self.index.refresh(run.tenant, revision, everything)
        found = await self.index.search(run.tenant, query)
        by_id = {runbook.id: runbook for runbook in everything}
        hits = [hit for hit in found.hits if hit.id in by_id]
        candidates = [by_id[hit.id] for hit in hits] if found.fits else []
        if ticket is None and hits and hits[0].exact and not (len(hits) > 1 and hits[1].exact):
            best = by_id[hits[0].id]
            if best.executable:
                return Match(runbook=best, candidates=candidates, why=f"{best.id}: {hits[0].why}")
        return Match(runbook=None, candidates=candidates, why="no runbook is for exactly this")

    async def _named(self, run: Run) -> Match:
        try:
            runbook = await self.runbooks.get(run.tenant, run.runbook_id)
        except NotFound:
            return Match(runbook=None, candidates=(), why=f"runbook {run.runbook_id} is gone")
        if not runbook.enabled:
            return Match(runbook=None, candidates=(), why=f"{runbook.id} was named, and it is disabled")
        if not runbook.executable:
            return Match(
                runbook=None, candidates=(runbook,), why=f"{runbook.id} has no front matter: it is shown, not executed"
            )
        return Match(runbook=runbook, candidates=(runbook,), why=f"{runbook.id} was named")


def _by_alert(runbooks: Sequence[Runbook], ticket: Ticket) -> Match | None:
    fitting = [
        runbook
        for runbook in runbooks
        if runbook.executable
        and ticket.name in runbook.alerts
        and all(ticket.labels.get(name) == value for name, value in runbook.labels.items())
    ]
    if not fitting:
        return None
    closest = max(len(runbook.labels) for runbook in fitting)
    best = [runbook for runbook in fitting if len(runbook.labels) == closest]
    if len(best) > 1:
        names = ", ".join(runbook.id for runbook in best)
        return Match(runbook=None, candidates=best, why=f"several runbooks are for {ticket.name}: {names}")
    return Match(runbook=best[0], candidates=best, why=f"{best[0].id} is for {ticket.name}")
