"""`opsagent cancel`: stop a run; a command that is running is killed."""

from __future__ import annotations

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, RunId, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import full_id
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT


def cancel(
    run: RunId, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Stop a run: no further command, and a running one is killed."""

    async def work(door: Door) -> Exit | None:
        run_id = await full_id(door, run)
        stopped = await door.cancel(run_id)
        if door.local:
            await door.drive(run_id)  # nobody else is there to bring it to its end
            stopped = await door.run(run_id)
        if as_json:
            say_json(stopped)
        else:
            say(f"Run {run_id[:8]} is asked to stop; it is {stopped['status']} now.")
            say(f"Look at it: opsagent show {run_id[:8]}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
