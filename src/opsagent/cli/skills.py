"""`opsagent skills`: what people wrote down for models about one kind of work."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT


def group() -> typer.Typer:
    """The commands below `opsagent skills`."""
    app = typer.Typer(help="Skills: what a model should have read before it works.", no_args_is_help=True)
    app.command("list")(list_all)
    app.command("show")(show)
    return app


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the skills: the built-in ones, and those in your folder (the setting skills_folder)."""

    async def work(door: Door) -> Exit | None:
        found = await door.skills()
        if as_json:
            say_json(found)
            return None
        table(("name", "shelf", "about"), [(one["name"], one["shelf"], one["description"]) for one in found["skills"]])
        for one in found["unread"]:
            hint(f"{one['folder']} is no skill: {one['problem']}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    *,
    file: Annotated[str, typer.Option("--file", metavar="PATH", help="One of its further files instead.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show a skill as a model reads it."""

    async def work(door: Door) -> Exit | None:
        if file:
            text = await door.skill_file(name, file)
            say_json({"name": name, "path": file, "text": text}) if as_json else say(text.rstrip("\n"))
            return None
        found = await door.skill(name)
        if as_json:
            say_json(found)
            return None
        say(found["description"], "", found["text"].rstrip("\n"))
        if found["files"]:
            say("", f"Further files: {', '.join(found['files'])}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
