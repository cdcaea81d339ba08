"""What flows in and out: signals, events, notices, the audit record, over every backend."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.adapters.stores.chain import Chain, first_broken
from opsagent.domain.event import CONTENT_CAP_BYTES, AuditEntry
from opsagent.domain.notice import Lane, Notice, NoticeStatus, Slots
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import SignalStatus, TicketStatus
from opsagent.errors import IllegalMove, InputError, NotFound
from opsagent.ports.stores import Stores
from store_nouns import Nouns

RESOLVED = SignalStatus.RESOLVED


async def test_a_new_problem_makes_a_ticket_and_a_due_run(stores: Stores, nouns: Nouns) -> None:
    arrival = nouns.arrival()
    (joined,) = await stores.tickets.receive([arrival])
    assert (joined.created, joined.duplicate, joined.ticket.signals) == (True, False, 1)
    assert await stores.tickets.get("acme", arrival.ticket.id) == joined.ticket
    assert [one.run_id for one in await stores.runs.due(10)] == [arrival.run.id]
    assert await stores.tickets.signals("acme", arrival.ticket.id) == [arrival.signal]


async def test_signals_join_the_open_ticket(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    first, second, third = nouns.arrival(), nouns.arrival(), nouns.arrival()
    (made,) = await stores.tickets.receive([first])
    clock.move(5)
    joined = await stores.tickets.receive([second, third])
    assert [(one.ticket.id, one.ticket.signals, one.created) for one in joined] == [
        (made.ticket.id, 2, False),
        (made.ticket.id, 3, False),
    ]
    assert await stores.tickets.get("acme", made.ticket.id) == joined[-1].ticket
    assert len((await stores.runs.list("acme")).items) == 1
    assert len(await stores.tickets.signals("acme", made.ticket.id)) == 3
    assert await stores.tickets.signals("acme", made.ticket.id, limit=1) == [third.signal]


async def test_a_delivery_counts_once(stores: Stores, nouns: Nouns) -> None:
    (made,) = await stores.tickets.receive([nouns.arrival(delivery="d1")])
    again = await stores.tickets.receive([nouns.arrival(delivery="d1"), nouns.arrival("f2", delivery="d2")] * 2)
    assert [(one.duplicate, one.created) for one in again] == [
        (True, False),
        (False, True),
        (True, False),
        (True, False),
    ]
    assert again[0].ticket == made.ticket
    assert (await stores.tickets.get("acme", made.ticket.id)).signals == 1


async def test_a_resolved_signal_opens_and_closes_nothing(stores: Stores, nouns: Nouns) -> None:
    lonely = nouns.arrival(status=RESOLVED)
    (nothing,) = await stores.tickets.receive([lonely])
    assert (nothing.created, nothing.ticket) == (False, lonely.ticket)
    with pytest.raises(NotFound):
        await stores.tickets.get("acme", lonely.ticket.id)
    opened, over, back = await stores.tickets.receive(
        [nouns.arrival(), nouns.arrival(status=RESOLVED), nouns.arrival()]
    )
    assert [one.ticket.firing for one in (opened, over, back)] == [True, False, True]
    assert [one.reopened for one in (opened, over, back)] == [False, False, True]
    assert {one.ticket.status for one in (opened, over, back)} == {TicketStatus.OPEN}


async def test_a_closed_problem_that_returns_is_a_new_ticket(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    (first,) = await stores.tickets.receive([nouns.arrival()])
    closed = replace(first.ticket, status=TicketStatus.CLOSED, closed_at=clock.now(), reason="a person closed it")
    saved = await stores.tickets.save(closed, [nouns.entry("ticket.closed")])
    assert saved == replace(closed, version=2)
    clock.move(1)
    (second,) = await stores.tickets.receive([nouns.arrival()])
    assert second.created
    assert second.ticket.id != first.ticket.id
    with pytest.raises(IllegalMove, match="another open ticket"):
        await stores.tickets.save(replace(saved, status=TicketStatus.OPEN), [])
    with pytest.raises(IllegalMove, match="changed meanwhile"):
        await stores.tickets.save(first.ticket, [nouns.entry()])
    with pytest.raises(NotFound):
        await stores.tickets.save(replace(first.ticket, id="nothing"), [])
    assert [entry.action for entry in await stores.audit.list("acme")] == ["ticket.closed"]


async def test_a_storm_makes_one_ticket_a_problem(stores: Stores, nouns: Nouns) -> None:
    storm = [nouns.arrival(f"f{n % 700}") for n in range(2100)]
    parts = [storm[start : start + 300] for start in range(0, 2100, 300)]
    joined = [one for part in await asyncio.gather(*map(stores.tickets.receive, parts)) for one in part]
    assert sum(one.created for one in joined) == 700
    page = await stores.tickets.list("acme", limit=1000)
    assert {ticket.signals for ticket in page.items} == {3}
    assert len((await stores.runs.list("acme", limit=1000)).items) == 700


async def test_tickets_page_by_status(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    for n in range(7):
        clock.move(1)
        (one,) = await stores.tickets.receive([nouns.arrival(f"f{n}")])
        if n % 2:
            await stores.tickets.save(replace(one.ticket, status=TicketStatus.ESCALATED), [])
    first = await stores.tickets.list("acme", status=TicketStatus.OPEN, limit=3)
    rest = await stores.tickets.list("acme", status=TicketStatus.OPEN, limit=3, cursor=first.cursor)
    assert [ticket.fingerprint for ticket in (*first.items, *rest.items)] == ["f6", "f4", "f2", "f0"]
    assert rest.cursor == ""


async def test_the_urgent_ones_of_a_status_are_found_by_priority(stores: Stores, nouns: Nouns) -> None:
    low, high = nouns.arrival("low"), nouns.arrival("high")
    high = replace(high, ticket=replace(high.ticket, priority=Priority.CRITICAL))
    await stores.tickets.receive([high, low])
    urgent = await stores.tickets.list("acme", status=TicketStatus.OPEN, priority=Priority.CRITICAL)
    assert [ticket.fingerprint for ticket in urgent.items] == ["high"]
    none = await stores.tickets.list("acme", status=TicketStatus.ESCALATED, priority=Priority.CRITICAL)
    assert none.items == ()


async def test_what_was_done_to_a_ticket_is_told_the_newest_first(stores: Stores, nouns: Nouns) -> None:
    def entry(action: str, at: float, **detail: str) -> AuditEntry:
        return replace(nouns.entry(), action=action, at=at, detail=detail)

    await stores.audit.append(
        [
            entry("ticket.taken", 5.0, ticket="t1", takenBy="ada"),
            entry("ticket.closed", 20.0, ticket="t1", reason="it is over"),
            entry("ticket.closed", 21.0, ticket="t10", reason="t1"),
            entry("run.completed", 22.0, ticket="t1"),
            entry("ticket.merged", 23.0, ticket="t2", into="t1"),
        ]
    )
    found = await stores.audit.of_ticket("acme", "t1", since=10.0)
    assert [(one.action, one.at) for one in found] == [("ticket.merged", 23.0), ("ticket.closed", 20.0)]
    assert [one.at for one in await stores.audit.of_ticket("acme", "t1", since=0.0, limit=1)] == [23.0]


async def test_a_signal_its_ticket_and_its_run_are_of_one_tenant(stores: Stores, nouns: Nouns) -> None:
    arrival = nouns.arrival()
    for bad in (
        replace(arrival, run=nouns.run(tenant="other")),
        replace(arrival, ticket=replace(arrival.ticket, tenant="other")),
        replace(arrival, ticket=replace(arrival.ticket, fingerprint="f2")),
    ):
        with pytest.raises(InputError):
            await stores.tickets.receive([bad])


async def test_event_numbers_are_unique_and_ordered_under_concurrency(stores: Stores, nouns: Nouns) -> None:
    run = await stores.runs.create(nouns.run(), events=[])
    batches = await asyncio.gather(
        *[stores.journal.append([nouns.event(run, f"{n}.{m}") for m in range(3)]) for n in range(40)]
    )
    events = await stores.journal.events("acme", run.id)
    assert [event.sequence for event in events] == list(range(1, 121))
    for batch in batches:
        first = batch[0].sequence
        assert [event.sequence for event in batch] == [first, first + 1, first + 2]
    assert await stores.journal.events("acme", run.id, after=118) == events[118:]
    assert len(await stores.journal.events("acme", run.id, limit=7)) == 7


async def test_events_of_accepting_come_first(stores: Stores, nouns: Nouns) -> None:
    run = nouns.run()
    await stores.runs.create(run, events=[nouns.event(run, "accepted"), nouns.event(run, "queued")])
    await stores.journal.append([nouns.event(run, "looked")])
    events = await stores.journal.events("acme", run.id)
    assert [(event.sequence, event.content) for event in events] == [(1, "accepted"), (2, "queued"), (3, "looked")]


async def test_event_texts_are_capped_and_cleaned(stores: Stores, nouns: Nouns) -> None:
    run = await stores.runs.create(nouns.run())
    (stored,) = await stores.journal.append([nouns.event(run, "x" * 50_000, tool_output="\ud800" + "y" * 50_000)])
    assert max(len(stored.content.encode()), len(stored.tool_output.encode())) <= CONTENT_CAP_BYTES
    assert "cut" in stored.content
    assert await stores.journal.events("acme", run.id) == [stored]
    with pytest.raises(NotFound):
        await stores.journal.append([nouns.event(nouns.run())])


ONE = Slots(in_all=1, of_place=1, of_tenant=1)


async def test_notices_are_taken_once_and_again_after_their_lock(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    later = nouns.notice(due_at=clock.now() + 100)
    first, second = nouns.notice(), nouns.notice(due_at=clock.now() - 1)
    await stores.notices.add([first, second, later])
    await stores.notices.add([replace(first, body="changed")])
    taken = await asyncio.gather(*[stores.notices.take(ONE, 30) for _ in range(5)])
    assert sorted(one.id for batch in taken for one in batch) == sorted([first.id, second.id])
    assert {(one.status, one.possible_repeat, one.body) for batch in taken for one in batch} == {
        (NoticeStatus.SENDING, False, "{}")
    }
    clock.move(30)
    again = await stores.notices.take(Slots(), 30)
    assert [one.possible_repeat for one in again] == [True, True]
    await stores.notices.mark(again[0], replace(again[0], status=NoticeStatus.DELIVERED, attempts=1))
    await stores.notices.mark(
        again[1],
        replace(again[1], status=NoticeStatus.PENDING, attempts=1, due_at=clock.now() + 5, last_error="timed out"),
    )
    assert await stores.notices.take(Slots(), 30) == []
    clock.move(5)
    (retried,) = await stores.notices.take(Slots(), 30)
    assert (retried.id, retried.attempts, retried.last_error) == (again[1].id, 1, "timed out")
    with pytest.raises(NotFound):
        await stores.notices.mark(unknown := nouns.notice(), unknown)
    assert (await stores.notices.get("acme", retried.id)).last_error == "timed out"
    for tenant, name in (("other", retried.id), ("acme", "none")):
        with pytest.raises(NotFound):
            await stores.notices.get(tenant, name)
    page = await stores.notices.list("acme", limit=2)
    rest = await stores.notices.list("acme", limit=2, cursor=page.cursor)
    assert [len(page.items), len(rest.items), rest.cursor] == [2, 1, ""]
    assert {one.id for one in (*page.items, *rest.items)} == {first.id, second.id, later.id}


async def test_what_hangs_holds_up_only_its_place_its_tenant_and_its_lane(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    def call(host: str, late_s: float, **more: object) -> Notice:
        return nouns.notice(channel="webhook", address=f"https://{host}/x", due_at=clock.now() - late_s, **more)

    slots = Slots(in_all=4, of_place=2, of_tenant=3)
    hanging = [call("hook.example", 50 - n) for n in range(5)]
    other, more, theirs = call("b.example", 9), call("c.example", 8), call("c.example", 7, tenant="other")
    question = nouns.notice(lane=Lane.URGENT)
    await stores.notices.add([*hanging, other, more, theirs, question])
    taken = await stores.notices.take(slots, 30)
    assert [one.id for one in taken] == [question.id, hanging[0].id, hanging[1].id, other.id, theirs.id]
    assert await stores.notices.take(slots, 30, sending=taken) == []
    (next_one,) = await stores.notices.take(slots, 30, sending=[one for one in taken if one.id != other.id])
    assert next_one.id == more.id
    late = nouns.notice(lane=Lane.URGENT)
    await stores.notices.add([late])
    assert [one.id for one in await stores.notices.take(slots, 30, sending=taken)] == [late.id]


async def test_a_sender_whose_claim_was_taken_by_another_says_nothing(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    run = await stores.runs.create(nouns.run())
    await stores.notices.add([nouns.notice(run_id=run.id)])
    (frozen,) = await stores.notices.take(ONE, 30)
    clock.move(30)
    (other,) = await stores.notices.take(ONE, 30)
    late = replace(frozen, status=NoticeStatus.PENDING, attempts=1, due_at=clock.now() + 1, last_error="refused")
    with pytest.raises(IllegalMove):
        await stores.notices.mark(frozen, late, events=[nouns.event(run)])
    assert await stores.notices.get("acme", frozen.id) == other
    done = replace(other, status=NoticeStatus.DELIVERED, attempts=1)
    await stores.notices.mark(other, done)
    for claim in (frozen, other):
        with pytest.raises(IllegalMove):
            await stores.notices.mark(claim, late)
    assert await stores.notices.get("acme", frozen.id) == done
    assert await stores.journal.events("acme", run.id) == []


async def test_notices_are_found_by_where_they_stand(stores: Stores, nouns: Nouns) -> None:
    run = await stores.runs.create(nouns.run())
    mine, other = nouns.notice(run_id=run.id), nouns.notice(channel="email", status=NoticeStatus.DEAD)
    assert await stores.notices.add([mine, other]) == [mine, other]
    assert await stores.notices.add([mine]) == []
    assert (await stores.notices.list("acme", run_id=run.id)).items == (mine,)
    assert (await stores.notices.list("acme", channel="email")).items == (other,)
    assert (await stores.notices.list("acme", status=NoticeStatus.DEAD)).items == (other,)
    assert (await stores.notices.list("acme", status=NoticeStatus.DEAD, channel="slack")).items == ()
    with pytest.raises(InputError):
        await stores.notices.list("acme", cursor="nonsense")


async def test_what_became_of_a_notice_is_a_line_of_its_run(stores: Stores, nouns: Nouns) -> None:
    run = await stores.runs.create(nouns.run())
    mine, orphan = nouns.notice(run_id=run.id), nouns.notice(run_id="gone")
    await stores.notices.add([mine, orphan])
    mine, orphan = await stores.notices.take(Slots(), 30)
    done = replace(mine, status=NoticeStatus.DELIVERED)
    (line,) = await stores.notices.mark(mine, done, events=[nouns.event(run)])
    assert await stores.journal.events("acme", run.id) == [line]
    lost = [replace(nouns.event(run), run_id="gone")]
    assert not await stores.notices.mark(orphan, replace(orphan, status=NoticeStatus.DEAD), events=lost)
    assert (await stores.notices.get("acme", orphan.id)).status is NoticeStatus.DEAD, "the line is lost, it is not"


async def test_what_was_given_up_or_delivered_is_sent_again_and_recorded(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    dead = nouns.notice(status=NoticeStatus.DEAD, attempts=12, last_error="It is down.", due_at=clock.now() + 99)
    done = nouns.notice(status=NoticeStatus.DELIVERED, attempts=1)
    await stores.notices.add([dead, done])
    again = await stores.notices.resend("acme", dead.id, "person:ada")
    assert (again.status, again.attempts, again.possible_repeat) == (NoticeStatus.PENDING, 0, False)
    assert (await stores.notices.resend("acme", done.id, "person:ada")).possible_repeat
    with pytest.raises(IllegalMove):
        await stores.notices.resend("acme", done.id, "person:ada")
    with pytest.raises(NotFound):
        await stores.notices.resend("acme", "none", "person:ada")
    assert {one.id for one in await stores.notices.take(Slots(), 30)} == {dead.id, done.id}
    entries = [(one.actor, one.action, one.detail["was"]) for one in await stores.audit.list("acme")]
    assert entries == [("person:ada", "notice.resent", "dead"), ("person:ada", "notice.resent", "delivered")]


async def test_the_record_is_chained_per_tenant(stores: Stores, nouns: Nouns) -> None:
    await asyncio.gather(*[stores.audit.append([nouns.entry(f"a{n}"), nouns.entry(tenant="other")]) for n in range(30)])
    entries = await stores.audit.list("acme")
    assert [entry.sequence for entry in entries] == list(range(1, 31))
    assert [entry.previous for entry in entries] == ["", *[entry.hash for entry in entries[:-1]]]
    assert await stores.audit.list("acme", after=28) == entries[28:]
    assert len(await stores.audit.list("acme", limit=3)) == 3
    assert len(await stores.audit.list("other")) == 30


async def test_a_changed_or_missing_line_is_noticed(stores: Stores, nouns: Nouns) -> None:
    await stores.audit.append([nouns.entry(f"a{n}", detail={"n": str(n)}) for n in range(5)])
    entries = list(await stores.audit.list("acme"))
    chain: Chain = stores.audit._chain  # type: ignore[attr-defined] # the key is nobody else's business
    key = chain._key
    assert first_broken(key, entries) is None
    assert first_broken(key, entries[3:], after=entries[2]) is None
    assert first_broken(b"another key", entries) == entries[0]
    assert first_broken(key, entries[:2] + entries[3:]) == entries[3]
    forged = replace(entries[2], actor="somebody else")
    assert first_broken(key, [*entries[:2], forged, *entries[3:]]) == forged


async def test_what_no_store_can_keep_is_refused_in_words(stores: Stores, nouns: Nouns) -> None:
    for call in (
        stores.runs.get("acme", "\ud800"),
        stores.runbooks.get("acme", "\ud800"),
        stores.journal.events("acme", "x", after=10**30),
        stores.control.request_cancel("acme", "\ud800", "p"),
        stores.audit.append([nouns.entry(detail={"why": "\ud800"})]),
        stores.notices.add([nouns.notice(body="\ud800")]),
    ):
        with pytest.raises(InputError) as caught:
            await call
        assert caught.value.fix
    await stores.runs.create(nouns.run())
