"""`opsagent runbooks import`: take over a folder or a git repository of Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.library_door import LibraryDoor
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.library import Fate, Imported, SourceFile
from opsagent.domain.visible import one_line
from opsagent.stages.import_runbooks import ImportRunbooks, Shelved

_TOLD = (Fate.ADDED, Fate.UPDATED, Fate.REFUSED, Fate.GONE, Fate.DISABLED)


def import_runbooks(
    place: Annotated[str, typer.Argument(metavar="PATH|URL", help="A folder, or a git address: https, ssh or file.")],
    *,
    ref: Annotated[str, typer.Option("--ref", metavar="NAME", help="Branch or tag of the repository.")] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="The part of the repository.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also what is stored already and came from elsewhere.")
    ] = False,
    disable_gone: Annotated[
        bool, typer.Option("--disable-gone", help="Disable what came from here before and is there no more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Import runbooks, and on a repeat only what has changed. Exit 1 when a file was refused."""

    async def work(door: Door) -> Exit | None:
        from opsagent.bootstrap.outfit import offer, runbook_reader

        offered = await offer(place, ref=ref, folder=folder)
        run = ImportRunbooks(
            shelf=_DoorShelf(door.library),
            read=runbook_reader(),
            overwrite=overwrite,
            disable_gone=disable_gone,
            dry_run=dry_run,
        )
        report = await run(offered)
        if as_json:
            from opsagent.web.library_views import import_report

            say_json(import_report(report))
        else:
            _say(report, Path(place), dry_run=dry_run)
        return Exit.FAILED if any(one.fate is Fate.REFUSED for one in report) else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


@dataclass(frozen=True, slots=True)
class _DoorShelf:
    """The runbooks behind the door, as an import sees them."""

    library: LibraryDoor

    async def present(self) -> Sequence[Shelved]:
        return [
            Shelved(
                id=one["runbookId"],
                version=one["version"],
                origin=one["origin"],
                origin_version=one["originVersion"],
                path=one["path"],
                enabled=one["enabled"],
            )
            for one in await self.library.runbooks()
        ]

    async def put(self, file: SourceFile, *, origin: str, expected: str) -> None:
        note = f"imported from {origin}"
        await self.library.put(file.text, file.path, note=note, origin=origin, expected_version=expected)

    async def disable(self, runbook_id: str) -> None:
        await self.library.enable(runbook_id, on=False)


def _say(report: Sequence[Imported], place: Path, *, dry_run: bool) -> None:
    for one in report:
        where = str(place / one.path) if place.is_dir() else one.path
        if one.fate is Fate.REFUSED:
            say(f"refused   {one_line(where)}:{one.line}: {one_line(one.message)}")
            say(f"          {one_line(one.fix)}")
        elif one.fate in _TOLD:
            say(f"{one.fate.value:<9} {one.runbook_id}" + (f" ({one_line(one.path)})" if one.path else ""))
        for remark in one.remarks if one.fate in (Fate.ADDED, Fate.UPDATED) else ():
            say(f"          {one_line(where)}:{remark.line}: {one_line(remark.message)}")
    counts = Counter(one.fate for one in report)
    pages = sum(
        bool(one.runbook_id) and not one.executable and one.fate in (Fate.ADDED, Fate.UPDATED) for one in report
    )
    words = [f"{counts[fate]} {fate.value.replace('_', ' ')}" for fate in Fate if counts[fate]]
    say((", ".join(words) or "There is no Markdown") + (f"; {pages} only to read" if pages else "") + ".")
    if dry_run:
        say("Nothing was stored.")
