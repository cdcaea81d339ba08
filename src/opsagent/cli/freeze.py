"""`opsagent freeze`: times in which nothing is changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.moments import length, moment
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT


def group() -> typer.Typer:
    """The commands below `opsagent freeze`."""
    app = typer.Typer(help="Maintenance freezes: nothing is changed meanwhile.", no_args_is_help=True)
    app.command("set")(set_)
    app.command("list")(list_)
    app.command("lift")(lift)
    return app


def set_(
    reason: Annotated[str, typer.Argument(help="Why, for whoever meets it in the night.")],
    *,
    lasting: Annotated[str, typer.Option("--for", metavar="30m|4h|2d", help="How long, from its start.")],
    starts: Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601 with a zone. Default: now.")] = "",
    environment: Annotated[list[str] | None, typer.Option("--environment", help="Only targets of it.")] = None,
    connection: Annotated[list[str] | None, typer.Option("--connection", help="Only this target.")] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Let nothing be changed for a while. Reads, checks and the undo of what is under way go on."""

    async def work(door: Door) -> Exit | None:
        begins = moment(starts) if starts else datetime.fromtimestamp(door.now(), UTC)
        fields = {
            "starts_at": begins.isoformat(),
            "ends_at": (begins + length(lasting)).isoformat(),
            "reason": reason,
            "environments": environment or [],
            "connections": connection or [],
        }
        made = await door.freeze(fields)
        if as_json:
            say_json(made)
        else:
            say(f"Frozen until {made['endsAt']}: nothing is changed.")
            say(f"End it with: opsagent freeze lift {made['freezeId']}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def list_(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the freezes that have not ended."""

    async def work(door: Door) -> Exit | None:
        found = await door.freezes()
        if as_json:
            say_json({"freezes": list(found)})
        elif not found:
            say("No freeze is set.")
        else:
            table(
                ("freeze", "from", "until", "where", "reason"),
                [
                    (
                        one["freezeId"],
                        one["startsAt"],
                        one["endsAt"],
                        ", ".join([*one["environments"], *one["connections"]]) or "everywhere",
                        one["reason"],
                    )
                    for one in found
                ],
            )
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def lift(
    freeze_id: Annotated[str, typer.Argument(metavar="FREEZE", help="Its id, as `list` shows it.")],
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """End a freeze now."""

    async def work(door: Door) -> Exit | None:
        await door.lift(freeze_id)
        if as_json:
            say_json({"lifted": freeze_id})
        else:
            say("Lifted: changes may start again.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
