"""Import: take runbooks over from a folder or a repository, and change only what has changed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from opsagent.domain.library import Fate, Imported, Offer, Remark, SourceFile
from opsagent.domain.runbook import Runbook
from opsagent.errors import RunbookError, VersionMismatch

ReadRunbook = Callable[[str, str], tuple[Runbook, Sequence[Remark]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """A stored runbook as an import sees it; `origin_version` is what the last import from `origin` stored."""

    id: str
    version: str
    origin: str
    origin_version: str
    path: str
    enabled: bool


class Shelf(Protocol):
    """Where runbooks are stored, by this process or by a server."""

    async def present(self) -> Sequence[Shelved]:
        """All that are stored."""
        ...

    async def put(self, file: SourceFile, *, origin: str, expected: str) -> None:
        """Store a file's text. RunbookError, VersionMismatch."""
        ...

    async def disable(self, runbook_id: str) -> None:
        """It is neither found nor followed any more. NotFound."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRunbooks:
    """`read(text, path)` parses a file: RunbookError. What came from elsewhere is left alone unless `overwrite`."""

    shelf: Shelf
    read: ReadRunbook
    overwrite: bool = False
    disable_gone: bool = False
    dry_run: bool = False

    async def __call__(self, offer: Offer) -> tuple[Imported, ...]:
        """What was done with each file, in the order of their paths; one that is refused holds up no other."""
        present = {one.id: one for one in await self.shelf.present()}
        taken: dict[str, str] = {}
        report = [await self._take(file, offer.origin, present, taken) for file in offer.files]
        report += [_of(file, Fate.LEFT_OUT, message=file.problem) for file in offer.left_out]
        offered = {file.path for file in offer.files}
        for one in present.values():
            if one.origin == offer.origin and one.id not in taken and one.path not in offered:
                report.append(await self._gone(one))
        return tuple(sorted(report, key=lambda line: (line.path, line.runbook_id)))

    async def _take(
        self, file: SourceFile, origin: str, present: Mapping[str, Shelved], taken: dict[str, str]
    ) -> Imported:
        if file.problem:
            return _of(file, Fate.REFUSED, message=file.problem, fix=file.fix, line=file.line)
        try:
            runbook, remarks = self.read(file.text, file.path)
        except RunbookError as error:
            return _refused(file, error)
        if runbook.id in taken:
            fix = "Give one of the two another id in its front matter, or another file name."
            message = f"its id {runbook.id} is that of {taken[runbook.id]}, too"
            return _of(file, Fate.REFUSED, message=message, fix=fix)
        taken[runbook.id] = file.path
        done = Imported(
            path=file.path,
            fate=Fate.ADDED,
            runbook_id=runbook.id,
            executable=runbook.executable,
            remarks=tuple(remarks),
        )
        known = present.get(runbook.id)
        if known is not None:
            done = self._beside(known, runbook.version, origin, done)
        if self.dry_run or done.fate not in {Fate.ADDED, Fate.UPDATED}:
            return done
        return await self._put(file, origin, known, done)

    def _beside(self, known: Shelved, version: str, origin: str, done: Imported) -> Imported:
        """What is to be done with a file whose runbook is stored already."""
        if known.version == version:
            return replace(done, fate=Fate.UNCHANGED)
        if known.origin == origin and known.origin_version == version:
            return replace(done, fate=Fate.UNCHANGED, message="it was changed here since, which is kept")
        if not self.overwrite and (why := _not_ours(known, origin)):
            return replace(done, fate=Fate.REFUSED, message=why[0], fix=why[1], remarks=())
        return replace(done, fate=Fate.UPDATED)

    async def _put(self, file: SourceFile, origin: str, known: Shelved | None, done: Imported) -> Imported:
        try:
            await self.shelf.put(file, origin=origin, expected=known.version if known else "")
        except RunbookError as error:
            return _refused(file, error)
        except VersionMismatch as error:
            return replace(done, fate=Fate.REFUSED, message=error.message, fix="Import again.")
        return done

    async def _gone(self, one: Shelved) -> Imported:
        line = Imported(path=one.path, fate=Fate.GONE, runbook_id=one.id)
        if not self.disable_gone or not one.enabled:
            return line
        if not self.dry_run:
            await self.shelf.disable(one.id)
        return replace(line, fate=Fate.DISABLED)


def _not_ours(known: Shelved, origin: str) -> tuple[str, str] | None:
    """Why a stored runbook is not overwritten, and what to do; None when it is as the last import left it."""
    if known.origin != origin:
        where = known.origin or "elsewhere"
        fix = "Give this one another id, or import with overwrite."
        return f"there is a runbook {known.id} already, and it came from {where}", fix
    if known.version != known.origin_version:
        fix = f"Compare the two, and import with overwrite, or keep yours: opsagent runbooks diff {known.id}."
        return f"the runbook {known.id} was changed here as well as in this file", fix
    return None


def _of(
    file: SourceFile, fate: Fate, *, runbook_id: str = "", line: int = 1, message: str = "", fix: str = ""
) -> Imported:
    return Imported(path=file.path, fate=fate, runbook_id=runbook_id, line=line, message=message, fix=fix)


def _refused(file: SourceFile, error: RunbookError) -> Imported:
    message = error.message.removeprefix(f"{error.file}:{error.line}: ")
    return _of(file, Fate.REFUSED, message=message, fix=error.fix, line=error.line)
