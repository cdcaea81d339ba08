"""A task in words, for runs no runbook is for."""

from __future__ import annotations

from house import PERSON, TENANT, House
from opsagent.domain.run import Run, Source
from opsagent.domain.trigger import Trigger


async def ask(house: House, text: str = "bring the shop back", **fields: object) -> Run:
    """A person asks for it on the shop; a worker has not looked at it yet."""
    given: dict[str, object] = {"connection": "shop"} | fields
    trigger = Trigger(tenant=TENANT, source=Source.API, text=text, requested_by=PERSON.id, **given)  # type: ignore[arg-type]
    return await house.app.agent.submit(trigger)
