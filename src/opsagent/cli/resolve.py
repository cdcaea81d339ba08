"""`opsagent resolve`: a person says what became of a step whose end nobody saw."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, RunId, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import full_id
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT


def resolve(
    run: RunId,
    step: Annotated[int, typer.Argument(metavar="STEP", min=1, help="The step's number.", show_default=False)],
    answer: Annotated[
        Literal["happened", "not_happened", "aborted"],
        typer.Argument(help="Look at the target first, then say what you saw there.", show_default=False),
    ],
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say what became of an unknown step; the run goes on from there, the step is not run again."""

    async def work(door: Door) -> Exit | None:
        run_id = await full_id(door, run)
        resolved = await door.resolve(run_id, step, answer)
        if as_json:
            say_json(resolved)
        else:
            say(f"Step {step} of run {run_id[:8]}: {answer}. The run goes on.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
