"""`opsagent runbooks versions`, `diff`, `restore`, `enable`, `disable`, `remove`: a runbook over time."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, RunbookId, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.visible import visible

Which = Annotated[str, typer.Argument(metavar="VERSION", help="Its number, or the beginning of its hash.")]


def versions(
    runbook: RunbookId, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """List the versions of a runbook: who stored each, when, and where it came from."""

    async def work(door: Door) -> Exit | None:
        found = await door.library.versions(runbook)
        if as_json:
            say_json({"versions": found})
        else:
            rows = [(one["revision"], one["version"][:12], one["at"], one["by"], one["note"]) for one in found]
            table(("version", "hash", "at", "by", "note"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def diff(
    runbook: RunbookId,
    old: Annotated[str, typer.Argument(metavar="[OLD]", help="A version; else the one before.")] = "",
    new: Annotated[str, typer.Argument(metavar="[NEW]", help="A version; else the newest.")] = "",
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two versions. Exit 1 when something did."""

    async def work(door: Door) -> Exit | None:
        found = await door.library.diff(runbook, old, new)
        if as_json:
            say_json(found)
        else:
            say(visible(found["diff"], lines=True) or "The two are equal.")
        return Exit.FAILED if found["diff"] else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def restore(
    runbook: RunbookId,
    version: Which,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Store an earlier version again, as the newest; also of a runbook that was removed."""

    async def work(door: Door) -> Exit | None:
        stored = await door.library.restore(runbook, version)
        say_json(stored) if as_json else say(f"{stored['runbookId']}: version {stored['revision']} is as {version} was")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def enable(
    runbook: RunbookId, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Let a runbook be found and followed again."""
    _switch(runbook, Place(data_dir=data_dir, tenant=tenant, as_json=as_json), on=True)


def disable(
    runbook: RunbookId, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Keep a runbook and let nobody find or follow it; runs that follow it already go on."""
    _switch(runbook, Place(data_dir=data_dir, tenant=tenant, as_json=as_json), on=False)


def remove(
    runbook: RunbookId, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Remove a runbook; its versions stay, and `restore` brings it back."""

    async def work(door: Door) -> Exit | None:
        await door.library.remove(runbook)
        say_json({"removed": runbook}) if as_json else say(f"{runbook} is removed. Its versions stay.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _switch(runbook: str, place: Place, *, on: bool) -> None:
    async def work(door: Door) -> Exit | None:
        stored = await door.library.enable(runbook, on=on)
        word = "is found and followed" if on else "is neither found nor followed any more"
        say_json(stored) if place.as_json else say(f"{stored['runbookId']} {word}.")
        return None

    perform(place, work)
