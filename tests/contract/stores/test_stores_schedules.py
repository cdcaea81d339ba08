"""Schedules, silences and windows in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.matcher import Matcher, MatchKind
from opsagent.domain.schedule import Overlap, Schedule, Timing
from opsagent.domain.silence import MaintenanceWindow, Silence
from opsagent.domain.ticket import SignalStatus
from opsagent.errors import InputError, NotFound
from opsagent.ports.stores import Stores
from store_nouns import Nouns

SHOP = (Matcher(label="service", kind=MatchKind.IS, value="shop"),)


def schedule(name: str = "nightly", **changes: object) -> Schedule:
    made = Schedule(
        id="",
        tenant="acme",
        name=name,
        timing=Timing(cron="0 3 * * *", timezone="Europe/Berlin"),
        text="look at the disks",
        parameters={"host": "web-1"},
        overlap=Overlap.QUEUE,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # names are checked by replace itself


async def actions(stores: Stores) -> list[str]:
    return [entry.action for entry in await stores.audit.list("acme")]


async def test_a_schedule_comes_back_as_it_was_stored(stores: Stores, clock: ManualClock) -> None:
    stored = await stores.schedules.put(schedule(next_at=clock.now() + 60), "person:ada")
    assert (stored.version, stored.made_by, stored.created_at) == (1, "person:ada", clock.now())
    assert await stores.schedules.get("acme", "nightly") == stored
    clock.move(10)
    changed = await stores.schedules.put(replace(stored, text="look again", next_at=clock.now() + 5), "person:bob")
    assert (changed.id, changed.version, changed.made_by) == (stored.id, 2, "person:bob")
    assert (changed.created_at, changed.updated_at) == (stored.created_at, clock.now())
    assert await stores.schedules.list("acme") == [changed]
    await stores.schedules.delete("acme", "nightly", "person:ada")
    with pytest.raises(NotFound):
        await stores.schedules.get("acme", "nightly")
    assert await actions(stores) == ["schedule.put", "schedule.put", "schedule.removed"]
    assert (await stores.schedules.put(schedule(), "person:ada")).id != stored.id, "another one of that name"


async def test_only_one_takes_a_firing_until_the_claim_runs_out(stores: Stores, clock: ManualClock) -> None:
    due = clock.now() + 60
    await stores.schedules.put(schedule("late", next_at=due + 5), "person:ada")
    await stores.schedules.put(schedule("early", next_at=due), "person:ada")
    await stores.schedules.put(schedule("paused", enabled=False), "person:ada")
    assert await stores.schedules.take(10, 30) == []
    clock.move(60)
    assert [one.name for one in await stores.schedules.take(10, 30)] == ["early"]
    clock.move(10)
    assert [one.name for one in await stores.schedules.take(10, 30)] == ["late"]
    assert await stores.schedules.take(10, 30) == []
    clock.move(20)
    (again,) = await stores.schedules.take(10, 30)
    assert (again.name, again.taken_at) == ("early", due), "it was noticed in time, by somebody who died"


async def test_what_was_settled_is_settled_once(stores: Stores, clock: ManualClock, nouns: Nouns) -> None:
    due = clock.now()
    await stores.schedules.put(schedule(next_at=due), "person:ada")
    (taken,) = await stores.schedules.take(1, 30)
    entry = nouns.entry("schedule.fired")
    after = taken.settled(next_at=due + 60, run_id="r1")
    assert await stores.schedules.settle(taken, after, [entry])
    assert not await stores.schedules.settle(taken, taken.settled(next_at=due + 99, run_id="r2"), [entry])
    stored = await stores.schedules.get("acme", "nightly")
    assert (stored.next_at, stored.last_at, stored.last_run_id, stored.taken_at) == (due + 60, due, "r1", None)
    assert (await actions(stores)).count("schedule.fired") == 1
    clock.move(60)
    assert [one.due_at for one in await stores.schedules.take(1, 30)] == [due + 60], "the claim is let go at once"
    with pytest.raises(InputError):
        await stores.schedules.settle(taken, replace(after, name="another"))


async def test_a_change_meanwhile_wins_over_what_was_taken(stores: Stores, clock: ManualClock) -> None:
    due = clock.now()
    await stores.schedules.put(schedule(next_at=due), "person:ada")
    (taken,) = await stores.schedules.take(1, 30)
    await stores.schedules.put(schedule(next_at=due + 500), "person:ada")
    assert not await stores.schedules.settle(taken, taken.settled(next_at=due + 60, run_id="r1"))
    assert (await stores.schedules.get("acme", "nightly")).next_at == due + 500


async def test_one_that_waits_stays_due_and_claimed(stores: Stores, clock: ManualClock) -> None:
    due = clock.now()
    await stores.schedules.put(schedule(next_at=due), "person:ada")
    (taken,) = await stores.schedules.take(1, 30)
    assert await stores.schedules.settle(taken, taken.settled(next_at=due + 600, queued_at=due))
    assert await stores.schedules.take(1, 30) == [], "it is looked at again when the claim runs out"
    clock.move(30)
    (waiting,) = await stores.schedules.take(1, 30)
    assert (waiting.due_at, waiting.queued_at, waiting.next_at) == (due, due, due + 600)
    assert waiting.firing == taken.firing


async def test_silences_that_have_not_ended_are_listed(stores: Stores, clock: ManualClock) -> None:
    now = clock.now()
    made = [
        Silence(id=name, tenant="acme", matchers=SHOP, starts_at=now + start, ends_at=now + end, comment="c", by="ada")
        for name, start, end in (("b", 50, 100), ("a", 0, 10), ("c", 0, 200))
    ]
    for one in made:
        await stores.silences.put(one)
    assert [one.id for one in await stores.silences.list("acme")] == ["a", "c", "b"]
    clock.move(10)
    assert [one.id for one in await stores.silences.list("acme")] == ["c", "b"]
    assert (await stores.silences.list("acme"))[0] == made[2]
    await stores.silences.expire("acme", "c", "person:bob")
    assert [one.id for one in await stores.silences.list("acme")] == ["b"]
    for gone in ("c", "a", "nothing"):
        with pytest.raises(NotFound):
            await stores.silences.expire("acme", gone, "person:bob")
    with pytest.raises(InputError):
        await stores.silences.put(replace(made[0], ends_at=made[0].starts_at))
    assert await actions(stores) == ["silence.set"] * 3 + ["silence.expired"]


async def test_windows_are_kept_by_name(stores: Stores, clock: ManualClock) -> None:
    window = MaintenanceWindow(
        id="", tenant="acme", name="patch", timing=Timing(cron="0 3 * * SUN"), duration_s=3600, matchers=SHOP
    )
    stored = await stores.silences.put_window(window, "person:ada")
    changed = await stores.silences.put_window(replace(stored, freeze=True, labels={"tier": "db"}), "person:bob")
    assert (changed.id, changed.version, changed.by) == (stored.id, 2, "person:bob")
    assert await stores.silences.windows("acme") == [changed]
    await stores.silences.delete_window("acme", "patch", "person:ada")
    assert await stores.silences.windows("acme") == []
    with pytest.raises(NotFound):
        await stores.silences.delete_window("acme", "patch", "person:ada")
    assert await actions(stores) == ["maintenance.put", "maintenance.put", "maintenance.removed"]


async def test_a_silenced_signal_is_kept_and_starts_nothing_until_the_silence_ends(
    stores: Stores, clock: ManualClock, nouns: Nouns
) -> None:
    arrivals = [replace(nouns.arrival(), silenced="silenced by ada") for _ in range(3)]
    joined = await stores.tickets.receive(arrivals[:2])
    joined += await stores.tickets.receive(arrivals[2:])
    assert [(one.created, one.reopened) for one in joined] == [(True, False), (False, False), (False, False)]
    ticket = await stores.tickets.get("acme", joined[0].ticket.id)
    assert (ticket.signals, ticket.firing, ticket.silenced, ticket.run_id) == (3, True, "silenced by ada", "")
    assert len(await stores.tickets.signals("acme", ticket.id)) == 3
    assert not (await stores.runs.list("acme")).items
    (joined_now,) = await stores.tickets.receive([nouns.arrival()])
    assert joined_now.reopened and joined_now.ticket.id == ticket.id
    ticket = await stores.tickets.get("acme", ticket.id)
    assert (ticket.silenced, ticket.version) == ("", 1)
    (run,) = (await stores.runs.list("acme")).items
    assert (run.id, run.ticket_id) == (ticket.run_id, ticket.id)


async def test_a_silence_ends_no_run_and_closes_nothing(stores: Stores, nouns: Nouns) -> None:
    (first,) = await stores.tickets.receive([nouns.arrival()])
    over = nouns.arrival(status=SignalStatus.RESOLVED)
    await stores.tickets.receive([replace(nouns.arrival(), silenced="hush"), over])
    ticket = await stores.tickets.get("acme", first.ticket.id)
    assert (ticket.run_id, ticket.silenced, ticket.firing, ticket.status) == (
        first.ticket.run_id,
        "hush",
        False,
        first.ticket.status,
    )
    assert len((await stores.runs.list("acme")).items) == 1


async def test_silenced_and_not_in_one_delivery(stores: Stores, nouns: Nouns) -> None:
    hushed = [replace(nouns.arrival("f1"), silenced="hush"), replace(nouns.arrival("f2"), silenced="hush")]
    joined = await stores.tickets.receive([*hushed, nouns.arrival("f3"), nouns.arrival("f1")])
    assert [bool(one.ticket.run_id) for one in joined] == [False, False, True, True]
    assert {run.fingerprint for run in (await stores.runs.list("acme")).items} == {"f1", "f3"}
