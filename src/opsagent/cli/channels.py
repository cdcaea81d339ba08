"""`opsagent channels`: by what people are told, and whether it works."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.notices import after_first_try, told
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say_json, table
from opsagent.domain.identity import DEFAULT_TENANT


def group() -> typer.Typer:
    """The commands below `opsagent channels`."""
    app = typer.Typer(help="Channels: by what people are told, and whether it works.", no_args_is_help=True)
    for function, name in ((list_all, "list"), (send_test, "test")):
        app.command(name)(function)
    return app


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the channels that are set up, and who is told by each."""

    async def work(door: Door) -> Exit | None:
        found = await door.notices.channels()
        if as_json:
            say_json(found)
        else:
            rows = [
                (one["name"], one["about"], ", ".join(to["address"] for to in one["addresses"]) or "nobody")
                for one in found["channels"]
            ]
            table(("channel", "how", "tells"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def send_test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name, as `list` shows it.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Default: everybody who is told by it.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Send a test, and say what came of the first try."""

    async def work(door: Door) -> Exit | None:
        sent = await door.notices.test_channel(channel, to)
        return told(await after_first_try(door, [one["noticeId"] for one in sent["notices"]]), as_json=as_json)

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
