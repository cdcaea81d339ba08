"""`opsagent runbooks drafts`, `draft`, `merge`, `dismiss`, `delete-draft`: the runbooks that runs suggest."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.dry_run import say_step
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, RunId, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import full_draft_id
from opsagent.cli.runbook_files import read_runbooks
from opsagent.cli.screen import hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.visible import visible


class Which(StrEnum):
    """The drafts that are listed."""

    OPEN = "open"
    MERGED = "merged"
    DISMISSED = "dismissed"
    ALL = "all"


def drafts(
    *,
    status: Annotated[Which, typer.Option("--status", help="Which of them.")] = Which.OPEN,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List the runbooks that resolved runs suggest; nobody finds or follows one until a person has merged it."""

    async def work(door: Door) -> Exit | None:
        found = await door.drafts.drafts(status.value)
        if as_json:
            say_json(found)
        elif not found["drafts"]:
            say("No drafts. A run whose steps a model wrote, and that helped, leaves one.")
        else:
            columns = ("runId", "runbookId", "status", "verified", "createdAt", "title")
            rows = [tuple(one[name] for name in columns) for one in found["drafts"]]
            table(("run", "id", "status", "verified", "at", "title"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def draft(
    run: RunId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Print a draft, what to know before it is merged, and what each of its steps would get: a dry run.

    The text alone goes to stdout, so that `> file.md` makes a file to edit. Exit 1 when it cannot be merged as it is.
    """

    async def work(door: Door) -> Exit | None:
        run_id = await full_draft_id(door, run)
        found = await door.drafts.draft(run_id)
        rehearsed = None if found["problem"] else await door.drafts.rehearse(run_id)
        wrong = found["problem"] or (rehearsed and rehearsed["denied"])
        if as_json:
            say_json({**found, "rehearsal": rehearsed})
            return Exit.FAILED if wrong else None
        say(visible(found["text"], lines=True).rstrip("\n"))
        for note in found["notes"]:
            hint(f"Note: {note}")
        if found["problem"]:
            hint(f"It is no runbook yet. {found['problem']['message']} {found['problem']['fix']}")
        for step in rehearsed["steps"] if rehearsed else ():
            say_step(step, hint)
        return Exit.FAILED if wrong else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def merge(
    run: RunId,
    *,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The text as you have edited it.")] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Make a draft a runbook, as it is or as you have edited it; from now on it is found and followed."""

    async def work(door: Door) -> Exit | None:
        text = read_runbooks([file])[0][0] if file else ""
        stored = await door.drafts.merge(await full_draft_id(door, run), text)
        say_json(stored) if as_json else say(f"{stored['runbookId']}: {stored['title']} is a runbook now.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def dismiss(
    run: RunId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say that nobody wants a draft; it is kept, and listed no more among the open ones."""

    async def work(door: Door) -> Exit | None:
        found = await door.drafts.dismiss(await full_draft_id(door, run))
        say_json(found) if as_json else say(f"The draft of run {found['runId']} is dismissed.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def delete_draft(
    run: RunId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Delete a draft for good, whatever became of it; a runbook that came of it stays. The record says who did it."""

    async def work(door: Door) -> Exit | None:
        run_id = await full_draft_id(door, run)
        await door.drafts.delete(run_id)
        say_json({"runId": run_id, "deleted": True}) if as_json else say(f"The draft of run {run_id} is deleted.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
