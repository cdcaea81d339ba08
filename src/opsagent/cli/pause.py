"""`opsagent pause` and `opsagent resume`: the switch a person can always reach."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT

Everywhere = Annotated[bool, typer.Option("--all", help="For every tenant of the installation.")]


def pause(
    *,
    everywhere: Everywhere = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Stop every effect now: none begins, running ones are killed, runs wait. Looking goes on."""

    async def work(door: Door) -> Exit | None:
        state = await door.switch("paused", on=True, everywhere=everywhere)
        if as_json:
            say_json(state)
        else:
            say(f"Paused {_whom(tenant, everywhere=everywhere)}: no effect begins, running ones are killed.")
            say("Go on with: opsagent resume" + (" --all" if everywhere else ""))
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def resume(
    *,
    everywhere: Everywhere = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Take a pause back."""

    async def work(door: Door) -> Exit | None:
        state = await door.switch("paused", on=False, everywhere=everywhere)
        if as_json:
            say_json(state)
        elif state.get("paused"):
            say("Still paused: the whole installation is. Take that back with: opsagent resume --all")
        else:
            say(f"Going on for {_whom(tenant, everywhere=everywhere)}.")
        return Exit.REFUSED if state.get("paused") else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _whom(tenant: str, *, everywhere: bool) -> str:
    return "all tenants" if everywhere else f"tenant {tenant}"
