"""`opsagent runbooks dry-run`: each command of a runbook with its verdict, and nothing is executed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from opsagent.cli.connections import pairs
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.visible import visible

Json = dict[str, Any]
_EFFECTS = ("writes", "deletes", "services", "processes", "contacts", "executes", "sensitive")


def dry_run(
    runbook: Annotated[str, typer.Argument(metavar="ID", help="The runbook.")],
    *,
    connection: Annotated[str, typer.Option("--connection", help="The target it would get.")] = "",
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter, or what a step would capture."),
    ] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Print each command, its manifest and its verdict; nothing is executed. Exit 1 when a step would be denied."""

    async def work(door: Door) -> Exit | None:
        found = await door.library.rehearse(runbook, connection, pairs("--set", given or []))
        if as_json:
            say_json(found)
        else:
            for step in found["steps"]:
                say_step(step)
        return Exit.FAILED if found["denied"] else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def say_step(step: Json, tell: Callable[[object], None] = say) -> None:
    """One command with its verdict, by lines."""
    verdict = step["verdict"]
    head = verdict["decision"] if verdict else "LATER"
    where = f" on {step['target']}" if step["target"] else ""
    tell(f"{head:<6} {step['phase']}: {step['name']}{where}" + (f", when {step['when']}" if step["when"] else ""))
    for line in visible(step["command"], lines=True).splitlines():
        tell(f"         {line}")
    if step["problem"]:
        tell(f"       {step['problem']}")
    if verdict:
        tell(f"       {verdict['rule']}: {verdict['reason']}")
        for name in _EFFECTS:
            if verdict["manifest"][name]:
                tell(f"       {name:<10} {', '.join(verdict['manifest'][name])}")
    if step["saves"]:
        tell(f"       saves      {', '.join(step['saves'])}")
    if step["undo"]:
        tell(f"       undo       {visible(step['undo'], lines=True)}")
        undoing = (step["verdict"] or {}).get("undoManifest") or {}
        told = ", ".join(f"{word} {one}" for word in ("writes", "deletes", "services") for one in undoing.get(word, ()))
        if told:
            tell(f"                  {visible(told)}")
