"""`opsagent take` and `opsagent hand-back`: a person takes a problem over, and gives it back."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import full_ticket_id
from opsagent.cli.screen import say, say_json
from opsagent.domain.identity import DEFAULT_TENANT

TicketPrefix = Annotated[str, typer.Argument(metavar="TICKET", help="Its id, or the beginning of it.")]


def take(
    ticket: TicketPrefix, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Take a ticket over: the agent changes nothing more for it until you hand it back."""
    _move(ticket, Place(data_dir=data_dir, tenant=tenant, as_json=as_json), back=False)


def hand_back(
    ticket: TicketPrefix, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Hand a ticket back: the agent goes on where it parked, and judges and measures anew."""
    _move(ticket, Place(data_dir=data_dir, tenant=tenant, as_json=as_json), back=True)


def _move(prefix: str, place: Place, *, back: bool) -> None:
    async def work(door: Door) -> Exit | None:
        moved = await door.take(await full_ticket_id(door, prefix), back=back)
        if place.as_json:
            say_json(moved)
        elif back:
            say("Handed back: the agent goes on with it.")
        else:
            say("It is yours: the agent changes nothing more for it.")
            say(f"Hand it back with: opsagent hand-back {prefix}")
        return None

    perform(place, work)
