"""`opsagent audit`: the append-only record of who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import clock_time, hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT


def audit(
    *,
    after: Annotated[int, typer.Option("--after", min=0, help="Begin after this entry.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many entries.")] = 200,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List the record of who did what, in order; each entry is chained to the one before."""

    async def work(door: Door) -> Exit | None:
        entries = await door.audit(after=after, limit=limit)
        if as_json:
            for entry in entries:
                say_json(entry)
            return None
        if not entries:
            say("Nothing is recorded yet." if not after else "Nothing is recorded after that.")
            return None
        table(
            ("#", "time", "who", "what", "run", "detail"),
            [
                (
                    one["sequence"],
                    clock_time(one["at"]),
                    one["actor"],
                    one["action"],
                    (one.get("runId") or "")[:8],
                    " ".join(f"{name}={value}" for name, value in (one.get("detail") or {}).items()),
                )
                for one in entries
            ],
        )
        if len(entries) == limit:
            hint(f"more: opsagent audit --after {entries[-1]['sequence']}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
