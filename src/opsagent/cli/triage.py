"""`opsagent triage`: how closing tickets without a person does."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT


def group() -> typer.Typer:
    """The commands below `opsagent triage`."""
    app = typer.Typer(help="How triage does.", no_args_is_help=True)
    app.callback()(_root)
    app.command("quality")(quality)
    return app


def _root() -> None:
    """How triage does."""


def quality(
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How far back.")] = 30,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show what was closed without a person and how much of it was wrong; in shadow, what would have been."""

    async def work(door: Door) -> Exit | None:
        found = await door.quality(days)
        if as_json:
            say_json(found)
            return None
        say(f"Auto-close is {found['mode']}; it closes from a confidence of {found['threshold']:.2f} on.")
        say(_rate(f"Closed in the last {days} days", found["closed"]))
        say(_rate("Would have closed in shadow", found["shadow"]))
        said = sum(one["real"] + one["noise"] for one in found["answers"])
        say(f"People have said {said} times what a ticket was; that calibrates the confidence.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _rate(what: str, rate: dict[str, Any]) -> str:
    if not rate["total"]:
        return f"{what}: nothing."
    return (
        f"{what}: {rate['total']}, of them wrongly {rate['wrong']} "
        f"({rate['rate']:.0%}; likely between {rate['low']:.0%} and {rate['high']:.0%})."
    )
