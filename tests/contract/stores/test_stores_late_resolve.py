"""An alert that says it is over after its ticket was closed: the repair came first."""

from __future__ import annotations

from dataclasses import replace

from manual_clock import ManualClock
from opsagent.domain.ticket import SignalStatus, TicketStatus
from opsagent.ports.stores import Stores
from store_nouns import Nouns

RESOLVED = SignalStatus.RESOLVED


async def test_the_ticket_that_was_repaired_stops_firing_and_stays_as_it_was(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    (made,) = await stores.tickets.receive([nouns.arrival(delivery="begun")])
    repaired = replace(made.ticket, status=TicketStatus.RESOLVED, closed_at=clock.now(), reason="measured healthy")
    await stores.tickets.save(repaired, [])
    clock.move(1)
    over, again = await stores.tickets.receive([nouns.arrival(status=RESOLVED, delivery="over")] * 2)
    assert (over.ticket.id, over.created, over.duplicate) == (made.ticket.id, False, False)
    assert (again.ticket.id, again.duplicate) == (made.ticket.id, True)
    stored = await stores.tickets.get("acme", made.ticket.id)
    assert (stored.firing, stored.status, stored.signals) == (False, TicketStatus.RESOLVED, 2)
    assert (stored.closed_at, stored.reason, stored.version) == (repaired.closed_at, "measured healthy", 2)
    assert [one.status for one in await stores.tickets.signals("acme", made.ticket.id)] == ["firing", "resolved"]


async def test_it_over_and_back_in_one_delivery_is_a_new_ticket(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    (made,) = await stores.tickets.receive([nouns.arrival()])
    await stores.tickets.save(replace(made.ticket, status=TicketStatus.CLOSED, closed_at=clock.now()), [])
    clock.move(1)
    over, back = await stores.tickets.receive([nouns.arrival(status=RESOLVED), nouns.arrival()])
    assert (over.ticket.id, over.ticket.firing) == (made.ticket.id, False)
    assert (back.created, back.ticket.firing) == (True, True)
    assert back.ticket.id != made.ticket.id
    (quiet,) = await stores.tickets.receive([nouns.arrival(status=RESOLVED)])
    assert quiet.ticket.id == back.ticket.id, "the open one is over, not the old one again"


async def test_it_is_looked_for_among_the_tenants_own(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    (made,) = await stores.tickets.receive([nouns.arrival()])
    await stores.tickets.save(replace(made.ticket, status=TicketStatus.CLOSED, closed_at=clock.now()), [])
    other = Nouns(clock, nouns.ids, "other").arrival(status=RESOLVED)
    (nothing,) = await stores.tickets.receive([other])
    assert nothing.ticket == other.ticket
    assert (await stores.tickets.get("acme", made.ticket.id)).firing
