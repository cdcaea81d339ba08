"""`opsagent schedules`: work that is started by the clock."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from opsagent.cli.connections import pairs
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.moments import length, moment
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Cron = Annotated[str, typer.Option("--cron", help="Minute, hour, day, month, weekday; quote it.", show_default=False)]
Every = Annotated[str, typer.Option("--every", metavar="30m|4h|2d", help="Or an interval.", show_default=False)]
Zone = Annotated[str, typer.Option("--timezone", metavar="AREA/CITY", help="How the cron expression is read.")]
Starts = Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601 with a zone. Default: now.")]
Ends = Annotated[str, typer.Option("--until", metavar="TIME", help="Nothing fires from then on.")]


def group() -> typer.Typer:
    """The commands below `opsagent schedules`."""
    app = typer.Typer(help="Schedules: work that is started by the clock.", no_args_is_help=True)
    for function, name in (
        (list_all, "list"),
        (add, "add"),
        (show, "show"),
        (next_, "next"),
        (pause, "pause"),
        (resume, "resume"),
        (run, "run"),
        (remove, "remove"),
    ):
        app.command(name)(function)
    return app


def timing_fields(cron: str, every: str, timezone: str, starts: str, ends: str) -> dict[str, Any]:
    """What the options say, as the API takes it. InputError."""
    fields: dict[str, Any] = {"cron": cron, "timezone": timezone}
    if every:
        fields["every_seconds"] = int(length(every).total_seconds())
    for name, given in (("starts_at", starts), ("ends_at", ends)):
        if given:
            fields[name] = moment(given).isoformat()
    return fields


def when(one: dict[str, Any]) -> str:
    """How a timing of the API reads."""
    return f"{one['cron']} {one['timezone']}" if one["cron"] else f"every {one['everySeconds']} s"


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the schedules."""

    async def work(door: Door) -> Exit | None:
        found = await door.timetable.schedules()
        if as_json:
            say_json({"schedules": list(found)})
        elif not found:
            say("No schedules.")
        else:
            rows = [
                (
                    one["name"],
                    when(one),
                    (one["nextAt"] or "-") if one["enabled"] else "paused",
                    one["lastAt"] or "-",
                    (one["lastRunId"] or "")[:8],
                    one["runbookId"],
                )
                for one in found
            ]
            table(("name", "when", "next", "last", "run", "runbook"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def add(
    name: Name,
    task: Annotated[str, typer.Argument(metavar="TASK", help="What should be done, in words.", show_default=False)],
    *,
    cron: Cron = "",
    every: Every = "",
    timezone: Zone = "UTC",
    starts: Starts = "",
    ends: Ends = "",
    runbook: Annotated[str, typer.Option("--runbook", help="Follow this one.", show_default=False)] = "",
    connection: Annotated[str, typer.Option("--connection", help="Work on this target only.", show_default=False)] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", metavar="K=V", help="A value the runbook asks for.")
    ] = None,
    mode: Annotated[Literal["auto", "plan", "fast"], typer.Option("--mode", help="As for a run.")] = "auto",
    priority: Annotated[Literal["critical", "high", "medium", "low"], typer.Option("--priority")] = "medium",
    overlap: Annotated[
        Literal["skip", "queue"],
        typer.Option("--overlap", help="While its last run is open: start nothing, or let one wait."),
    ] = "skip",
    missed: Annotated[
        Literal["run_once", "skip"],
        typer.Option("--missed", help="Firings while no server was there: one run for all, or none."),
    ] = "run_once",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Make a schedule, or change the one of that name."""

    async def work(door: Door) -> Exit | None:
        fields = {
            **timing_fields(cron, every, timezone, starts, ends),
            "task_description": task,
            "runbook_id": runbook,
            "connection": connection,
            "parameters": pairs("--parameter", parameter or []),
            "mode": mode,
            "priority": priority,
            "overlap": overlap,
            "missed": missed,
        }
        made = await door.timetable.put_schedule(name, fields)
        say_json(made) if as_json else say(f"Schedule {name}: next at {made['nextAt'] or 'no time any more'}.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Show one schedule."""

    async def work(door: Door) -> Exit | None:
        found = await door.timetable.schedule(name)
        if as_json:
            say_json(found)
            return None
        for key, held in found.items():
            words = " ".join(f"{one}={value}" for one, value in held.items()) if isinstance(held, dict) else held
            if words not in (None, "", 0):
                say(f"{key:<16} {words}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def next_(
    name: Name,
    *,
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="How many.")] = 5,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say when it fires next, in its own time zone."""

    async def work(door: Door) -> Exit | None:
        found = await door.timetable.next_firings(name, count)
        if as_json:
            say_json(found)
        else:
            say(*(found["local"] or ["It does not fire any more."]))
            if not found["enabled"]:
                say(f"It is paused: nothing is started. Let it go on with: opsagent schedules resume {name}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def pause(
    name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Let it start nothing until it is resumed."""
    _act(name, "pause", "Paused: it starts nothing.", Place(data_dir=data_dir, tenant=tenant, as_json=as_json))


def resume(
    name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Let it go on from its next firing; those of the pause are not made up for."""
    _act(name, "resume", "Resumed.", Place(data_dir=data_dir, tenant=tenant, as_json=as_json))


def run(name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Start what it asks for now, besides its firings."""
    _act(name, "run", "Started.", Place(data_dir=data_dir, tenant=tenant, as_json=as_json))


def remove(
    name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Remove it; its runs stay."""

    async def work(door: Door) -> Exit | None:
        await door.timetable.remove_schedule(name)
        say_json({"name": name, "removed": True}) if as_json else say(f"Schedule {name} is removed.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _act(name: str, what: str, words: str, place: Place) -> None:
    async def work(door: Door) -> Exit | None:
        done = await door.timetable.act(name, what)
        if place.as_json:
            say_json(done)
        elif what == "run":
            say(f"{words} Look at it: opsagent show {done['runId'][:8]}")
        else:
            say(words, *([f"Next at {done['nextAt']}."] if done["nextAt"] else []))
        return None

    perform(place, work)
