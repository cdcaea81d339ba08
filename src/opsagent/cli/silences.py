"""`opsagent silences`: signals nobody wants to hear of for a while."""

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

MATCHERS = 'service=shop severity!=critical alertname=~"Disk.*"; quote it'


def group() -> typer.Typer:
    """The commands below `opsagent silences`."""
    app = typer.Typer(help="Silences: signals are kept, and start and tell nothing meanwhile.", no_args_is_help=True)
    for function, name in ((list_all, "list"), (add, "add"), (expire, "expire")):
        app.command(name)(function)
    return app


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the silences that have not ended."""

    async def work(door: Door) -> Exit | None:
        found = await door.timetable.silences()
        if as_json:
            say_json({"silences": list(found)})
        elif not found:
            say("Nothing is silenced.")
        else:
            rows = [
                (one["silenceId"], one["startsAt"], one["endsAt"], " ".join(one["matchers"]), one["by"], one["comment"])
                for one in found
            ]
            table(("silence", "from", "until", "matchers", "by", "comment"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def add(
    matchers: Annotated[list[str], typer.Argument(metavar="MATCHER...", help=MATCHERS, show_default=False)],
    *,
    comment: Annotated[str, typer.Option("--comment", help="Why, for whoever meets it in the night.")],
    lasting: Annotated[str, typer.Option("--for", metavar="30m|4h|2d", help="How long, from its start.")],
    starts: Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601 with a zone. Default: now.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Silence the signals that all matchers hold of. Runs that are open go on, and nothing is closed."""

    async def work(door: Door) -> Exit | None:
        begins = moment(starts) if starts else datetime.fromtimestamp(door.now(), UTC)
        fields = {
            "matchers": matchers,
            "comment": comment,
            "starts_at": begins.isoformat(),
            "ends_at": (begins + length(lasting)).isoformat(),
        }
        made = await door.timetable.silence(fields)
        if as_json:
            say_json(made)
        else:
            say(f"Silenced until {made['endsAt']}: signals are kept, and start no run.")
            say(f"End it with: opsagent silences expire {made['silenceId']}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def expire(
    silence_id: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id, as `list` shows it.")],
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """End a silence now; what still fires gets its run."""

    async def work(door: Door) -> Exit | None:
        await door.timetable.expire(silence_id)
        say_json({"expired": silence_id}) if as_json else say("Ended: signals start runs again.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
