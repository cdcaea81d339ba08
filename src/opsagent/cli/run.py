"""`opsagent run`: hand in a task, and follow it if wanted."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from opsagent.cli.connections import pairs
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.follow import follow_to_end, say_accepted
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.domain.identity import DEFAULT_TENANT


def run(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What should be done, in words.", show_default=False)],
    *,
    mode: Annotated[
        Literal["auto", "plan", "fast"], typer.Option("--mode", help="Plan first, go straight on, or let it decide.")
    ] = "auto",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, show what happens, and ask here where a person must decide.")
    ] = False,
    runbook: Annotated[str, typer.Option("--runbook", help="Follow this one.", show_default=False)] = "",
    connection: Annotated[str, typer.Option("--connection", help="Work on this target only.", show_default=False)] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", metavar="K=V", help="A value the runbook asks for.")
    ] = None,
    skill: Annotated[
        str, typer.Option("--skill", help="What a model should have read: `opsagent skills list`.", show_default=False)
    ] = "",
    priority: Annotated[Literal["critical", "high", "medium", "low"], typer.Option("--priority")] = "medium",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Hand in a task. It is stored before this returns; without a server, --follow works on it right here."""

    async def work(door: Door) -> Exit | None:
        accepted = await door.submit(
            task,
            mode=mode,
            runbook_id=runbook,
            connection=connection,
            parameters=pairs("--parameter", parameter or []),
            priority=priority,
            selected_skill=skill,
        )
        say_accepted(door, accepted, follow=follow, as_json=as_json)
        return await follow_to_end(door, accepted["runId"], as_json=as_json) if follow else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
