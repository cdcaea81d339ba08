"""`opsagent maintenance`: silences, and freezes, that come again by the clock."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.connections import pairs
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.moments import length
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.schedules import Cron, Ends, Every, Name, Starts, Zone, timing_fields, when
from opsagent.cli.screen import say, say_json, table
from opsagent.cli.silences import MATCHERS
from opsagent.domain.identity import DEFAULT_TENANT

Several = list[str] | None


def group() -> typer.Typer:
    """The commands below `opsagent maintenance`."""
    app = typer.Typer(help="Maintenance windows: silences and freezes by the clock.", no_args_is_help=True)
    for function, name in ((list_all, "list"), (add, "add"), (remove, "remove")):
        app.command(name)(function)
    return app


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the maintenance windows, and which are open."""

    async def work(door: Door) -> Exit | None:
        found = await door.timetable.windows()
        if as_json:
            say_json({"windows": list(found)})
        elif not found:
            say("No maintenance windows.")
        else:
            rows = [
                (
                    one["name"],
                    when(one),
                    f"{one['durationSeconds'] // 60} min",
                    f"open until {one['openUntil']}" if one["openUntil"] else one["opensAt"] or "-",
                    " ".join(one["matchers"]) or "-",
                    "yes" if one["freeze"] else "no",
                )
                for one in found
            ]
            table(("name", "when", "lasts", "opens", "silences", "freezes"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def add(
    name: Name,
    *,
    lasting: Annotated[str, typer.Option("--for", metavar="30m|4h|2d", help="How long it stays open.")],
    cron: Cron = "",
    every: Every = "",
    timezone: Zone = "UTC",
    starts: Starts = "",
    ends: Ends = "",
    match: Annotated[Several, typer.Option("--match", metavar="MATCHER", help=f"Silence these: {MATCHERS}.")] = None,
    comment: Annotated[str, typer.Option("--comment", help="What is done in it.")] = "",
    freeze: Annotated[bool, typer.Option("--freeze", help="Let nothing be changed meanwhile.")] = False,
    environment: Annotated[Several, typer.Option("--environment", help="Freeze only targets of it.")] = None,
    connection: Annotated[Several, typer.Option("--connection", help="Freeze only this target.")] = None,
    label: Annotated[Several, typer.Option("--label", metavar="K=V", help="Freeze only targets with these.")] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep it, and let it not open.")] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Make a maintenance window, or change the one of that name."""

    async def work(door: Door) -> Exit | None:
        fields = {
            **timing_fields(cron, every, timezone, starts, ends),
            "duration_seconds": int(length(lasting).total_seconds()),
            "matchers": match or [],
            "comment": comment,
            "enabled": not disabled,
            "freeze": freeze,
            "environments": environment or [],
            "connections": connection or [],
            "labels": pairs("--label", label or []),
        }
        made = await door.timetable.put_window(name, fields)
        if as_json:
            say_json(made)
        elif made["openUntil"]:
            say(f"Maintenance window {name} is open until {made['openUntil']}.")
        else:
            say(f"Maintenance window {name} opens at {made['opensAt'] or 'no time'}.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def remove(
    name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Remove one; it no longer holds, also if it is open now."""

    async def work(door: Door) -> Exit | None:
        await door.timetable.remove_window(name)
        say_json({"name": name, "removed": True}) if as_json else say(f"Maintenance window {name} is removed.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
