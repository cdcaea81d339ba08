"""`opsagent retry`: a new run of an ended one's request."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.follow import follow_to_end, say_accepted
from opsagent.cli.options import AsJson, DataDir, Place, RunId, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import full_id
from opsagent.domain.identity import DEFAULT_TENANT


def retry(
    run: RunId,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show what happens.")] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Start a new run of the same request; the old one stays as it is."""

    async def work(door: Door) -> Exit | None:
        fresh = await door.retry(await full_id(door, run))
        say_accepted(door, fresh, follow=follow, as_json=as_json)
        return await follow_to_end(door, fresh["runId"], as_json=as_json) if follow else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
