"""`opsagent spending`: what was spent on models, day by day."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT


def spending(
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How far back.")] = 30,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show what was spent on models, by day (UTC) and model."""

    async def work(door: Door) -> Exit | None:
        found = await door.spending(days)
        if as_json:
            say_json(found)
        elif not found["days"]:
            say(f"No model was asked in the last {days} days.")
        else:
            rows = []
            for day in found["days"]:
                rows.append((day["day"], "all", f"{day['tokens']:,}", f"{day['cost']:.4f}"))
                rows += [("", one["model"], f"{one['tokens']:,}", f"{one['cost']:.4f}") for one in day["models"]]
            table(("day", "model", "tokens", "cost"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
