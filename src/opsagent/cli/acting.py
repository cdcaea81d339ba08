"""`opsagent acting on|off`: whether approved effects are carried out, or only suggested."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.pause import Everywhere
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT


def acting(
    wanted: Annotated[
        Literal["on", "off"] | None, typer.Argument(metavar="[on|off]", help="Leave it out to see what holds.")
    ] = None,
    *,
    everywhere: Everywhere = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Let OpsAgent act (each effect still asks first), or have it observe and suggest only."""

    async def work(door: Door) -> Exit | None:
        if wanted is None:
            state = await door.switches()
        else:
            state = await door.switch("acting", on=wanted == "on", everywhere=everywhere)
        if as_json:
            say_json(state)
        else:
            say(*describe(state))
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def describe(state: object) -> list[str]:
    """The switches in words."""
    held = dict(state) if isinstance(state, dict) else {}
    lines = [
        "Acting: approved effects are carried out."
        if held.get("acting")
        else "Observing: it looks and suggests, and changes nothing. Let it act with: opsagent acting on"
    ]
    if held.get("paused"):
        lines.append("Paused: no effect begins. Go on with: opsagent resume")
    return lines
