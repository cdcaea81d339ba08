"""`opsagent tickets`: the problems that came in, newest first."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import age, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT


def tickets(
    *,
    status: Annotated[
        Literal["open", "escalated", "resolved", "closed"] | None,
        typer.Option("--status", help="Only tickets that stand there."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many to show.")] = 20,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List tickets, newest first."""

    async def work(door: Door) -> Exit | None:
        page = await door.tickets(status=status or "", limit=limit)
        if as_json:
            say_json(page)
            return None
        if not page["tickets"]:
            say("No tickets.")
            return None
        now = door.now()
        table(
            ("ticket", "run", "status", "priority", "age", "title"),
            [
                (
                    one["ticketId"][:8],
                    (one.get("runId") or "")[:8],
                    one["status"],
                    one["priority"],
                    age(one["createdAt"], now),
                    one["title"],
                )
                for one in page["tickets"]
            ],
        )
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
