"""Two open tickets that are one problem: what becomes of their alerts, signals, groups and versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.correlation import Grouping
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import SignalStatus, Ticket, TicketStatus
from opsagent.errors import IllegalMove, NotFound
from opsagent.ports.stores import Stores
from store_nouns import Nouns

RESOLVED = SignalStatus.RESOLVED
BY = "person:ada"


async def made(stores: Stores, nouns: Nouns, fingerprint: str, **changes: object) -> Ticket:
    arrival = nouns.arrival(fingerprint)
    (joined,) = await stores.tickets.receive([replace(arrival, **changes)])  # type: ignore[arg-type]
    return joined.ticket


async def test_alerts_and_signals_move_along_and_so_does_what_comes_of_them(stores: Stores, nouns: Nouns) -> None:
    first, other = await made(stores, nouns, "f1"), await made(stores, nouns, "f2")
    await stores.tickets.receive([nouns.arrival("f1"), nouns.arrival("f2")])
    merged = await stores.tickets.merge("acme", first.id, into=other.id, by=BY)
    assert (merged.id, merged.members, merged.members_firing, merged.signals) == (other.id, 2, 2, 4)
    assert merged.version > other.version
    assert {one.fingerprint for one in await stores.triage.members("acme", other.id)} == {"f1", "f2"}
    assert len(await stores.tickets.signals("acme", other.id)) == 4
    gone = await stores.tickets.get("acme", first.id)
    assert (gone.status, gone.merged_into, gone.members, gone.signals) == (TicketStatus.CLOSED, other.id, 0, 0)
    assert gone.closed_at is not None
    assert not gone.firing
    assert not await stores.triage.members("acme", first.id)
    assert not await stores.tickets.signals("acme", first.id)

    (joined,) = await stores.tickets.receive([nouns.arrival("f1")])
    assert (joined.ticket.id, joined.created, joined.ticket.signals) == (other.id, False, 5)
    (left,) = await stores.tickets.receive([nouns.arrival("f1", RESOLVED)])
    assert (left.ticket.id, left.ticket.members_firing, left.ticket.firing) == (other.id, 1, True)
    (left,) = await stores.tickets.receive([nouns.arrival("f2", RESOLVED)])
    assert (left.quiet, left.ticket.firing) == (True, False)


async def test_it_is_in_the_record_once_and_once_more_changes_nothing(stores: Stores, nouns: Nouns) -> None:
    first, other = await made(stores, nouns, "f1"), await made(stores, nouns, "f2")
    merged = await stores.tickets.merge("acme", first.id, into=other.id, by=BY)
    assert await stores.tickets.merge("acme", first.id, into=other.id, by=BY) == merged
    (entry,) = [one for one in await stores.audit.list("acme") if one.action == "ticket.merged"]
    assert (entry.actor, entry.detail["ticket"], entry.detail["into"]) == (BY, first.id, other.id)


async def test_a_delivery_that_was_seen_before_the_merge_is_still_known(stores: Stores, nouns: Nouns) -> None:
    arrival = nouns.arrival("f1")
    (joined,) = await stores.tickets.receive([arrival])
    other = await made(stores, nouns, "f2")
    await stores.tickets.merge("acme", joined.ticket.id, into=other.id, by=BY)
    (again,) = await stores.tickets.receive([arrival])
    assert (again.duplicate, again.ticket.id) == (True, other.id)


async def test_the_one_that_goes_on_takes_in_the_group_of_the_first_and_has_the_higher_priority(
    stores: Stores, nouns: Nouns
) -> None:
    group = Grouping(key="g1", words="the same shop", within_s=300.0, lead=())
    urgent = nouns.arrival("f1")
    ticket = replace(urgent.ticket, priority=Priority.CRITICAL)
    (joined,) = await stores.tickets.receive([replace(urgent, ticket=ticket, grouping=group)])
    other = await made(stores, nouns, "f2")
    merged = await stores.tickets.merge("acme", joined.ticket.id, into=other.id, by=BY)
    assert merged.priority is Priority.CRITICAL
    third = await made(stores, nouns, "f3", grouping=group)
    assert (third.id, third.members) == (other.id, 3)


async def test_an_alert_both_have_had_is_kept_where_it_is_open(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    first = await made(stores, nouns, "f1")
    closed = replace(first, status=TicketStatus.CLOSED, closed_at=clock.now())
    await stores.tickets.save(closed, ())
    group = Grouping(key="g1", words="the same shop", within_s=300.0, lead=())
    other = await made(stores, nouns, "f2", grouping=group)
    await made(stores, nouns, "f1", grouping=group)  # now the other has it
    third = await made(stores, nouns, "f3")
    await stores.tickets.merge("acme", third.id, into=other.id, by=BY)
    members = await stores.triage.members("acme", other.id)
    assert sorted(one.fingerprint for one in members) == ["f1", "f2", "f3"]


async def test_only_two_open_tickets_of_one_tenant_are_merged(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    first, other = await made(stores, nouns, "f1"), await made(stores, nouns, "f2")
    with pytest.raises(IllegalMove):
        await stores.tickets.merge("acme", first.id, into=first.id, by=BY)
    with pytest.raises(NotFound):
        await stores.tickets.merge("acme", first.id, into="nothing", by=BY)
    with pytest.raises(NotFound):
        await stores.tickets.merge("globex", first.id, into=other.id, by=BY)
    await stores.tickets.save(replace(other, status=TicketStatus.CLOSED, closed_at=clock.now()), ())
    for one, into in ((first.id, other.id), (other.id, first.id)):
        with pytest.raises(IllegalMove):
            await stores.tickets.merge("acme", one, into=into, by=BY)
    assert (await stores.tickets.get("acme", first.id)).status is TicketStatus.OPEN
