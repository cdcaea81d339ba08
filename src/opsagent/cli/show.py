"""`opsagent show`: one run, the result first."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.follow import follow_to_end
from opsagent.cli.options import AsJson, DataDir, Place, RunId, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import full_id
from opsagent.cli.screen import hint, say_json
from opsagent.cli.timeline import show_run
from opsagent.domain.identity import DEFAULT_TENANT


def show(
    run: RunId,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show what happens until it ends.")] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show a run: its result, the triage, the plan, each command with verdict, approval and outcome."""

    async def work(door: Door) -> Exit | None:
        run_id = await full_id(door, run)
        if follow:
            if door.local:
                hint("No server runs on this data folder: this only watches. Start one: opsagent serve")
            return await follow_to_end(door, run_id, as_json=as_json, work=False)
        found, session, events = await door.run(run_id), await door.session(run_id), await door.events(run_id)
        if as_json:
            say_json({**found, "steps": session["steps"], "events": events})
        else:
            show_run(found, session, events, door.now())
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
