"""The door to drafts: what runs have taught, looked at, tried, merged by a person or dismissed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.draft import Draft, DraftStatus
from opsagent.domain.identity import Principal
from opsagent.domain.manifest import Decision
from opsagent.domain.rehearsed import Rehearsed
from opsagent.domain.runbook import Runbook
from opsagent.errors import InputError, NotFound, RunbookError, VersionMismatch
from opsagent.loop.library import Library
from opsagent.ports.drafts import DraftStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft, and why its text is no runbook as it stands (None: it is one)."""

    draft: Draft
    problem: RunbookError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """Callers have checked the permission of their route. Nothing but `merge` makes a draft known to search or runs."""

    store: DraftStore
    library: Library

    async def list(self, tenant: str, status: DraftStatus | None = DraftStatus.OPEN) -> Sequence[Draft]:
        """The newest first."""
        return await self.store.list(tenant, status=status)

    async def get(self, tenant: str, run_id: str) -> Drafted:
        """The draft of a run, read by the rules of today. NotFound."""
        draft = await self.store.get(tenant, run_id)
        try:
            self.library.parse(draft.text, _path(draft), tenant)
        except RunbookError as problem:
            return Drafted(draft=draft, problem=problem)
        return Drafted(draft=draft, problem=None)

    async def rehearse(self, tenant: str, run_id: str) -> Sequence[Rehearsed]:
        """What it would do where it worked, with the values it had: judged, never run. NotFound, RunbookError."""
        draft = await self.store.get(tenant, run_id)
        return await self._rehearsed(draft, self.library.parse(draft.text, _path(draft), tenant))

    async def merge(self, principal: Principal, run_id: str, text: str = "") -> Runbook:
        """Store it as a new runbook, as it is or as the person has edited it (`text`).

        It is rehearsed first: InputError when the policy denies a step. NotFound, RunbookError, IllegalMove when it
        was decided before, VersionMismatch when there is a runbook of that id.
        """
        draft = await self.store.get(principal.tenant, run_id)
        draft.decide(DraftStatus.MERGED, principal.id, self.library.clock.now())
        text = text or draft.text
        runbook = self.library.parse(text, _path(draft), principal.tenant)
        if not runbook.executable:
            raise InputError("Without front matter nobody could follow it.", fix="Keep the lines between the two ---.")
        denied = [
            one
            for one in await self._rehearsed(draft, runbook)
            if one.verdict is not None and one.verdict.decision is Decision.DENY
        ]
        if denied and denied[0].verdict is not None:
            said = f"The policy denies the step {denied[0].name}: {denied[0].verdict.reason}"
            raise InputError(said, fix="Change that step, and merge the changed text.")
        stored = await self._stored(principal, runbook, text, draft)
        await self.store.decide(principal.tenant, run_id, DraftStatus.MERGED, principal.id, runbook_id=stored.id)
        return stored

    async def dismiss(self, principal: Principal, run_id: str) -> Draft:
        """Nobody wants it. NotFound, IllegalMove."""
        return await self.store.decide(principal.tenant, run_id, DraftStatus.DISMISSED, principal.id)

    async def delete(self, principal: Principal, run_id: str) -> None:
        """Remove it for good; a runbook that came of it stays. NotFound."""
        await self.store.delete(principal.tenant, run_id, principal.id)

    async def _stored(self, principal: Principal, runbook: Runbook, text: str, draft: Draft) -> Runbook:
        """A merge that was cut short after this is done again, and finds its own runbook."""
        try:
            present = await self.library.runbooks.get(principal.tenant, runbook.id)
        except NotFound:
            present = None
        if present is not None and present.version == runbook.version:
            return present
        note = f"learned from run {draft.run_id}"
        try:
            return await self.library.put(principal, text, _path(draft), expected="", note=note)
        except VersionMismatch as error:
            fix = f"Give it another id, or add what is new to that one: opsagent runbooks show {runbook.id}."
            raise VersionMismatch(error.message, fix=fix, extra=error.extra) from None

    async def _rehearsed(self, draft: Draft, runbook: Runbook) -> Sequence[Rehearsed]:
        return await self.library.rehearse_unstored(
            draft.tenant, runbook, connection=runbook.connection or draft.connection, given=draft.given
        )


def _path(draft: Draft) -> str:
    return f"{draft.runbook_id}.md"
