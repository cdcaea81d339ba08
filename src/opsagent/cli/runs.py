"""`opsagent runs`: the runs of a tenant, newest first."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import age, hint, say, say_json, span, table
from opsagent.domain.identity import DEFAULT_TENANT

SourceName = Literal["slack", "jira", "api", "chat", "cli", "schedule", "ticket"]
StatusName = Literal["queued", "in_progress", "awaiting_approval", "completed", "failed", "cancelled"]


def runs(
    *,
    status: Annotated[StatusName | None, typer.Option("--status", help="Only runs that stand there.")] = None,
    source: Annotated[SourceName | None, typer.Option("--source", help="Only runs that came in there.")] = None,
    text: Annotated[
        str, typer.Option("--text", help="Only runs that hold each of these words.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many to show.")] = 20,
    cursor: Annotated[str, typer.Option("--cursor", help="Where the last page ended.", show_default=False)] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json)

    async def work(door: Door) -> Exit | None:
        page = await door.runs(source=source or "", status=status or "", text=text, limit=limit, cursor=cursor)
        if as_json:
            say_json(page)
            return None
        if not page["runs"]:
            say("No runs yet." if not (status or source or text or cursor) else "No such runs.")
            return None
        now = door.now()
        table(
            ("run", "source", "status", "age", "took", "task"),
            [
                (
                    one["runId"][:8],
                    one["source"],
                    one["status"],
                    age(one["createdAt"], now),
                    "" if one.get("durationMs") is None else span(one["durationMs"] / 1000),
                    one["taskDescription"],
                )
                for one in page["runs"]
            ],
        )
        if page.get("nextCursor"):
            hint(f"more: opsagent runs --cursor {page['nextCursor']}")
        return None

    perform(place, work)
