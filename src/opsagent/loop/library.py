"""The door to runbooks: stored, changed, compared, taken back, switched off, imported, tried against alerts."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.command import Command
from opsagent.domain.connection import BUILT_IN_SANDBOX, Connection
from opsagent.domain.coverage import AlertRule, Covered
from opsagent.domain.identity import Principal
from opsagent.domain.instruction import Instruction
from opsagent.domain.library import Imported, Remark, RunbookVersion, SourceFile, Uses
from opsagent.domain.manifest import Verdict
from opsagent.domain.rehearsed import Rehearsed
from opsagent.domain.runbook import Runbook
from opsagent.errors import InputError, NotFound, VersionMismatch
from opsagent.ports.catalogue import ConnectionStore, RunbookStore
from opsagent.ports.clock import Clock
from opsagent.ports.index import Found, Hit, RunbookIndex
from opsagent.ports.source import RunbookSource
from opsagent.stages.cover import CoverAlerts
from opsagent.stages.import_runbooks import ImportRunbooks, ReadRunbook, Shelved
from opsagent.stages.judge import Judge
from opsagent.stages.propose import Propose
from opsagent.stages.rehearse import Rehearse

RunbookParser = Callable[[str, str, str], Runbook]
LEAST_HASH_CHARS = 7
MAX_NOTE_CHARS = 200
CONTEXT_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A runbook, and how often it was used and helped."""

    runbook: Runbook
    uses: Uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search found, each hit with the runbook as it is stored now."""

    found: Found
    joined: tuple[tuple[Hit, Listed], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed between two versions of a runbook, as a unified diff; empty where the texts are equal."""

    old: RunbookVersion | None
    new: RunbookVersion
    text: str


async def untried(_: str) -> str:
    """What follows no link: nothing is known to be wrong with any."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """How what lies outside is read.

    `page` reads a runbook and the remarks about it (RunbookError), `rules` the alerts of a text with its name
    (InputError), `source` the folders imports are allowed from; `follow` says why an address leads nowhere, or nothing.
    """

    page: ReadRunbook
    rules: Callable[[str, str], Sequence[AlertRule]]
    source: RunbookSource
    follow: Callable[[str], Awaitable[str]] = untried


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Callers have checked the permission of their route. `parse(text, path, tenant)` is the parser of runbooks."""

    runbooks: RunbookStore
    connections: ConnectionStore
    parse: RunbookParser
    judge: Judge
    clock: Clock
    readers: Readers
    index: RunbookIndex

    async def list(self, tenant: str) -> Sequence[Listed]:
        """All, by creation."""
        uses = await self._uses(tenant)
        return [_listed(runbook, uses) for runbook in await self.runbooks.list(tenant)]

    async def get(self, tenant: str, runbook_id: str) -> Listed:
        """One, by slug or number. NotFound."""
        return _listed(await self.runbooks.get(tenant, runbook_id), await self._uses(tenant))

    async def search(self, tenant: str, query: str, *, limit: int = 5) -> Searched:
        """The runbooks that answer a query, ranked; disabled ones are left out."""
        revision = await self.runbooks.revision(tenant)
        everything = {one.id: one for one in await self.runbooks.list(tenant) if one.enabled}
        await self.index.refresh(tenant, revision, list(everything.values()))
        found = await self.index.search(tenant, query, limit=limit)
        hits = tuple(hit for hit in found.hits if hit.id in everything)
        uses = await self._uses(tenant)
        joined = tuple((hit, _listed(everything[hit.id], uses)) for hit in hits)
        return Searched(found=replace(found, hits=hits), joined=joined)

    async def put(
        self,
        principal: Principal,
        text: str,
        path: str,
        *,
        expected: str | None = None,
        note: str = "",
        origin: str = "",
    ) -> Runbook:
        """Check and store a runbook. RunbookError with file, line and fix; VersionMismatch."""
        runbook = self.parse(text, path, principal.tenant)
        if origin:
            runbook = replace(runbook, origin=origin, origin_version=runbook.version)
        return await self.runbooks.put(runbook, principal.id, expected=expected, note=note[:MAX_NOTE_CHARS])

    def check(self, tenant: str, text: str, path: str) -> tuple[Runbook, Sequence[Remark]]:
        """What a text is understood as, and what its author should look at; nothing is stored. RunbookError."""
        runbook, remarks = self.readers.page(text, path)
        return replace(runbook, tenant=tenant), remarks

    async def instruct(self, principal: Principal, instruction: Instruction, *, expected: str | None = "") -> Runbook:
        """Store a runbook of one step, by default only if there is none of that id. RunbookError, VersionMismatch."""
        text = instruction.markdown()
        try:
            return await self.put(principal, text, f"{instruction.id}.md", expected=expected, note="an instruction")
        except VersionMismatch as error:
            if expected:
                raise
            fix = f"Choose another id, or change that one: opsagent runbooks show {instruction.id}."
            raise VersionMismatch(error.message, fix=fix, extra=error.extra) from None

    async def version(self, tenant: str, runbook_id: str, which: str) -> tuple[RunbookVersion, Runbook]:
        """One version by its number, or by the beginning of its hash. NotFound, InputError."""
        found = _one(await self.runbooks.versions(tenant, runbook_id), runbook_id, which)
        return found, await self.runbooks.get(tenant, runbook_id, version=found.version)

    async def difference(self, tenant: str, runbook_id: str, old: str = "", new: str = "") -> Difference:
        """From one version to another; by default from the last but one to the last. NotFound, InputError."""
        versions = await self.runbooks.versions(tenant, runbook_id)
        newer = _one(versions, runbook_id, new) if new else versions[0]
        before = [one for one in versions if one.revision < newer.revision]
        older = _one(versions, runbook_id, old) if old else before[0] if before else None
        before_text, after_text = [
            (await self.runbooks.get(tenant, runbook_id, version=one.version)).source if one else ""
            for one in (older, newer)
        ]
        lines = difflib.unified_diff(
            before_text.splitlines(),
            after_text.splitlines(),
            fromfile=_label(older),
            tofile=_label(newer),
            lineterm="",
            n=CONTEXT_LINES,
        )
        return Difference(old=older, new=newer, text="\n".join(lines))

    async def restore(
        self, principal: Principal, runbook_id: str, which: str, *, expected: str | None = None
    ) -> Runbook:
        """Store an earlier version again, as the newest. It is read anew, by the rules of today. RunbookError."""
        found, runbook = await self.version(principal.tenant, runbook_id, which)
        note = f"version {found.revision} again"
        path = runbook.path or f"{runbook.id}.md"
        return await self.put(principal, runbook.source, path, expected=expected, note=note)

    async def enable(self, principal: Principal, runbook_id: str, *, on: bool) -> Runbook:
        """Let it be found and followed, or not; runs that follow it go on. NotFound."""
        return await self.runbooks.enable(principal.tenant, runbook_id, principal.id, on=on)

    async def rehearse(
        self, tenant: str, runbook_id: str, *, connection: str = "", given: Mapping[str, str] | None = None
    ) -> Sequence[Rehearsed]:
        """What a runbook would do on a connection (its own, or the sandbox), judged and never run. NotFound."""
        runbook = await self.runbooks.get(tenant, runbook_id)
        return await self.rehearse_unstored(tenant, runbook, connection=connection, given=given or {})

    async def rehearse_unstored(
        self, tenant: str, runbook: Runbook, *, connection: str, given: Mapping[str, str]
    ) -> Sequence[Rehearsed]:
        """The same of a runbook that may not be stored."""
        main = connection or runbook.connection or BUILT_IN_SANDBOX
        return await self._rehearsed(runbook, main, given, tenant=tenant)

    async def cover(self, tenant: str, rules: Sequence[AlertRule], *, links: bool) -> Sequence[Covered]:
        """For each alert: its runbook, and what of it does not work here. With `links` their addresses are tried."""

        async def rehearsing(runbook: Runbook, target: Connection, given: Mapping[str, str]) -> Sequence[Rehearsed]:
            return await self._rehearsed(runbook, target.name, given, tenant=tenant)

        cover = CoverAlerts(
            runbooks=await self.runbooks.list(tenant),
            connections=await self.connections.list(tenant),
            uses=await self._uses(tenant),
            rehearse=rehearsing,
            follow=self.readers.follow if links else None,
        )
        return await cover(rules)

    async def read_rules(self, text: str, file: str) -> Sequence[AlertRule]:
        """The alerts of a rule file. InputError with file and line, TooLarge."""
        return await asyncio.to_thread(self.readers.rules, text, file)

    async def import_folder(
        self, principal: Principal, folder: str, *, overwrite: bool, disable_gone: bool, dry_run: bool
    ) -> tuple[Imported, ...]:
        """Import from a folder of this machine that was allowed. NotFound, TooLarge."""
        run = ImportRunbooks(
            shelf=_Shelf(self, principal),
            read=self.readers.page,
            overwrite=overwrite,
            disable_gone=disable_gone,
            dry_run=dry_run,
        )
        return await run(await self.readers.source.read(folder))

    async def _uses(self, tenant: str) -> Mapping[str, Uses]:
        return {one.runbook_id: one for one in await self.runbooks.uses(tenant)}

    async def _rehearsed(
        self, runbook: Runbook, main: str, given: Mapping[str, str], *, tenant: str
    ) -> Sequence[Rehearsed]:
        async def target(name: str) -> Connection:
            return await self.connections.get(tenant, name or main)

        async def judged(command: Command, where: Connection) -> Verdict:
            return (await self.judge(command, where, in_scope=True)).verdict

        rehearse = Rehearse(propose=Propose(clock=self.clock), judge=judged)
        return await rehearse(runbook, target, given, now=self.clock.now())


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The store as an import sees it."""

    library: Library
    principal: Principal

    async def present(self) -> Sequence[Shelved]:
        found = await self.library.runbooks.list(self.principal.tenant)
        return [
            Shelved(
                id=one.id,
                version=one.version,
                origin=one.origin,
                origin_version=one.origin_version,
                path=one.path,
                enabled=one.enabled,
            )
            for one in found
        ]

    async def put(self, file: SourceFile, *, origin: str, expected: str) -> None:
        note = f"imported from {origin}"
        await self.library.put(self.principal, file.text, file.path, expected=expected, note=note, origin=origin)

    async def disable(self, runbook_id: str) -> None:
        await self.library.enable(self.principal, runbook_id, on=False)


def _listed(runbook: Runbook, uses: Mapping[str, Uses]) -> Listed:
    return Listed(runbook=runbook, uses=uses.get(runbook.id) or Uses(runbook_id=runbook.id))


def _one(versions: Sequence[RunbookVersion], runbook_id: str, which: str) -> RunbookVersion:
    """By number, or by the beginning of a hash; a number wins, since no hash is that short."""
    if which.isascii() and which.isdigit() and len(which) < LEAST_HASH_CHARS:
        named = [one for one in versions if one.revision == int(which)]
    elif len(which) >= LEAST_HASH_CHARS:
        named = [one for one in versions if one.version.startswith(which.lower())]
    else:
        fix = f"Give its number, or {LEAST_HASH_CHARS} characters or more of its hash."
        raise InputError(f"`{which}` names no version.", fix=fix)
    if not named:
        fix = f"List them: opsagent runbooks versions {runbook_id}."
        raise NotFound(f"There is no version {which[:64]} of {runbook_id}.", fix=fix)
    if len({one.version for one in named}) > 1:
        raise InputError(f"Several versions begin with `{which[:64]}`.", fix="Give more characters, or its number.")
    return named[0]


def _label(version: RunbookVersion | None) -> str:
    return f"version {version.revision} by {version.by}" if version else "nothing"
