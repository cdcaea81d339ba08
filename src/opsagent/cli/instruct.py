"""`opsagent runbooks instruct`: a runbook of one step, without writing a page."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT


def instruct(
    identity: Annotated[str, typer.Argument(metavar="ID", help="A slug nobody has yet: clear-cache.")],
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="The command; {{name}} is a value from outside.")],
    *,
    title: Annotated[str, typer.Option("--title", help="What it is for, in the words people search by.")] = "",
    executor: Annotated[str, typer.Option("--executor", metavar="LANGUAGE")] = "shell",
    looks: Annotated[bool, typer.Option("--looks", help="It only looks at something.")] = False,
    alias: Annotated[list[str] | None, typer.Option("--alias", metavar="NAME", help="Another name for it.")] = None,
    alert: Annotated[list[str] | None, typer.Option("--alert", metavar="NAME", help="An alert it serves.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", metavar="NAME[=PATTERN]", help="A value from outside.")
    ] = None,
    undo: Annotated[str, typer.Option("--undo", metavar="COMMAND", help="What takes it back.")] = "",
    connection: Annotated[str, typer.Option("--connection", metavar="NAME", help="The target it is for.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Store an instruction: a runbook of one step."""

    async def work(door: Door) -> Exit | None:
        fields = {
            "id": identity,
            "title": title or identity.replace("-", " "),
            "text": command,
            "executor": executor,
            "looks": looks,
            "aliases": alias or [],
            "alerts": alert or [],
            "parameters": [_parameter(one) for one in parameter or []],
            "undo": undo,
            "connection": connection,
        }
        stored = await door.library.instruct(fields)
        say_json(stored) if as_json else say(f"{stored['runbookId']}: {stored['title']}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _parameter(text: str) -> dict[str, str]:
    name, _, pattern = text.partition("=")
    return {"name": name, "pattern": pattern} if pattern else {"name": name}
