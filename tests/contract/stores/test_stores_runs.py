"""Runs, leases and pages, over every backend."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manual_clock import ManualClock
from opsagent.domain.priority import Priority
from opsagent.domain.run import RETENTION_S, Run, RunResult, RunStatus, Source
from opsagent.domain.spending import Amount, Booking, Budget
from opsagent.errors import IdempotencyMismatch, IllegalMove, InputError, LeaseLost, NotFound
from opsagent.ports.stores import Change, IdempotencyKey, Stores
from store_nouns import Nouns

REUSED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def in_progress(stores: Stores, run: Run, clock: ManualClock) -> tuple[object, Run]:
    claimed = await stores.runs.claim(run.tenant, run.id, "w1", 30)
    assert claimed is not None
    lease, taken = claimed
    return lease, await stores.runs.save(lease, Change(run=taken.begin(clock.now())))


async def test_a_run_is_there_once_create_returns(stores: Stores, nouns: Nouns) -> None:
    run = nouns.run()
    stored = await stores.runs.create(run)
    assert stored == replace(run, due_at=nouns.clock.now())
    assert await stores.runs.get("acme", run.id) == stored


@REUSED
@given(task=st.text())
async def test_any_unicode_task_comes_back_unchanged(stores: Stores, nouns: Nouns, task: str) -> None:
    run = await stores.runs.create(nouns.run(task=task))
    assert (await stores.runs.get("acme", run.id)).task == task


async def test_half_a_character_is_refused_in_words(stores: Stores, nouns: Nouns) -> None:
    with pytest.raises(InputError, match="not valid Unicode"):
        await stores.runs.create(nouns.run(task="\ud800"))


async def test_the_same_key_and_request_make_one_run(stores: Stores, nouns: Nouns) -> None:
    key = IdempotencyKey(key="k", request_sha256="a" * 64)
    runs = await asyncio.gather(*[stores.runs.create(nouns.run(), key=key) for _ in range(20)])
    assert len({run.id for run in runs}) == 1
    assert len((await stores.runs.list("acme")).items) == 1
    with pytest.raises(IdempotencyMismatch, match=runs[0].id):
        await stores.runs.create(nouns.run(), key=IdempotencyKey(key="k", request_sha256="b" * 64))
    other = await stores.runs.create(nouns.run(tenant="other"), key=key)
    assert other.id != runs[0].id


async def test_an_id_is_used_once(stores: Stores, nouns: Nouns) -> None:
    run = await stores.runs.create(nouns.run())
    with pytest.raises(IllegalMove):
        await stores.runs.create(run)


async def test_one_failing_write_takes_no_other_with_it(stores: Stores, nouns: Nouns) -> None:
    taken = await stores.runs.create(nouns.run())
    answers = await asyncio.gather(
        *[stores.runs.create(taken if n % 2 else nouns.run()) for n in range(40)], return_exceptions=True
    )
    assert sum(isinstance(answer, IllegalMove) for answer in answers) == 20
    assert len((await stores.runs.list("acme")).items) == 21


async def test_pages_are_newest_first_and_complete(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    made = []
    for n in range(25):
        clock.move(n % 3)  # some at the same instant
        source = Source.SLACK if n % 2 else Source.API
        made.append(await stores.runs.create(nouns.run(source=source)))
    expected = sorted(made, key=lambda run: (run.created_at, run.id), reverse=True)
    for source in (None, Source.SLACK):
        seen: list[Run] = []
        cursor = ""
        while True:
            page = await stores.runs.list("acme", source=source, limit=4, cursor=cursor)
            seen += page.items
            cursor = page.cursor
            if not cursor:
                break
        assert seen == [run for run in expected if source in {None, run.source}]
    assert (await stores.runs.list("acme", status=RunStatus.FAILED)).items == ()
    assert len((await stores.runs.list("acme", status=RunStatus.QUEUED, source=Source.API)).items) == 13


@REUSED
@given(
    cursor=st.one_of(
        st.text(min_size=1),
        st.binary(min_size=1).map(lambda raw: base64.urlsafe_b64encode(raw).decode()),
        st.sampled_from(["W10", "WzEsMl0", "W05hTiwiYSJd", "WzFlOTk5LCJhIl0", "eyJhIjoxfQ"]),
    )
)
async def test_a_bad_cursor_is_an_input_error(stores: Stores, cursor: str) -> None:
    with pytest.raises(InputError, match="cursor"):
        await stores.runs.list("acme", cursor=cursor)


async def test_runs_are_found_by_words_of_what_was_asked_and_how_it_ended(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    disk = await stores.runs.create(nouns.run(task="The DISK of web-1\nis full", requested_by="ada"))
    clock.move(1)
    other = await stores.runs.create(nouns.run(task="Restart 100% of it", source=Source.SLACK))
    await stores.runs.create(nouns.run(task="elsewhere", tenant="other"))

    async def found(text: str, **filters: Any) -> list[str]:
        return [run.id for run in (await stores.runs.list("acme", text=text, **filters)).items]

    assert await found("  ") == [other.id, disk.id]
    assert await found("full disk") == await found("DIS ada") == await found("web-1") == [disk.id]
    assert await found(other.id) == await found("100%") == await found("restart", source=Source.SLACK) == [other.id]
    assert await found("10_%") == await found("restart disk") == await found("elsewhere") == []
    assert await found("restart", status=RunStatus.FAILED) == []
    lease, begun = await in_progress(stores, other, clock)
    ended = begun.end(RunStatus.FAILED, clock.now(), result=RunResult(summary="The Kitchen is gone."))
    await stores.runs.save(lease, Change(run=ended))
    assert await found("KITCHEN restart", status=RunStatus.FAILED) == [other.id]
    clock.move(RETENTION_S + 1)
    await stores.housekeeping.expire()
    assert await found("restart") == []


async def test_pages_of_found_runs_are_complete(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    made = []
    for n in range(13):
        clock.move(n % 2)
        made.append(await stores.runs.create(nouns.run(task="odd" if n % 2 else "even")))
    seen: list[str] = []
    page = await stores.runs.list("acme", text="ODD", limit=2)
    while True:
        seen += [run.id for run in page.items]
        if not page.cursor:
            break
        page = await stores.runs.list("acme", text="ODD", limit=2, cursor=page.cursor)
    expected = sorted((run for run in made if run.task == "odd"), key=lambda run: (run.created_at, run.id))
    assert seen == [run.id for run in reversed(expected)]


async def test_the_number_of_the_last_event_is_told(stores: Stores, nouns: Nouns) -> None:
    run = await stores.runs.create(nouns.run())
    assert await stores.journal.newest("acme", run.id) == 0
    written = await stores.journal.append([nouns.event(run), nouns.event(run)])
    assert await stores.journal.newest("acme", run.id) == written[-1].sequence == 2


async def test_a_limit_below_one_is_an_input_error(stores: Stores) -> None:
    with pytest.raises(InputError):
        await stores.runs.list("acme", limit=0)


async def test_due_is_most_urgent_first_then_oldest(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    low = await stores.runs.create(nouns.run(priority=Priority.LOW))
    clock.move(1)
    first = await stores.runs.create(nouns.run())
    clock.move(1)
    second = await stores.runs.create(nouns.run())
    critical = await stores.runs.create(nouns.run(priority=Priority.CRITICAL))
    await stores.runs.create(nouns.run(due_at=clock.now() + 60))
    due = await stores.runs.due(10)
    assert [one.run_id for one in due] == [critical.id, first.id, second.id, low.id]
    assert len(await stores.runs.due(2)) == 2


async def test_tenants_take_turns(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    for _ in range(20):
        await stores.runs.create(nouns.run(tenant="loud", priority=Priority.CRITICAL))
    clock.move(1)
    quiet = [await stores.runs.create(nouns.run(tenant="quiet", priority=Priority.LOW)) for _ in range(2)]
    small = await stores.runs.create(nouns.run(tenant="small"))
    await stores.runs.create(nouns.run(tenant="later", due_at=clock.now() + 60))
    held = await stores.runs.create(nouns.run(tenant="held"))
    assert await stores.runs.claim("held", held.id, "w1", 30) is not None
    due = await stores.runs.due(6)
    assert [one.tenant for one in due] == ["loud", "small", "quiet", "loud", "quiet", "loud"]
    assert [one.run_id for one in due if one.tenant in {"quiet", "small"}] == [small.id, *[run.id for run in quiet]]
    assert len(await stores.runs.due(100)) == 23
    assert len({one.run_id for one in await stores.runs.due(100)}) == 23


async def test_a_claimed_run_is_neither_due_nor_free(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run = await stores.runs.create(nouns.run())
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    assert (claimed[0].fence, claimed[0].expires_at, claimed[1]) == (1, clock.now() + 30, run)
    assert await stores.runs.due(10) == []
    assert await stores.runs.claim("acme", run.id, "w2", 30) is None
    clock.move(29.9)
    assert await stores.runs.claim("acme", run.id, "w2", 30) is None


async def test_only_one_of_many_gets_it(stores: Stores, nouns: Nouns) -> None:
    run = await stores.runs.create(nouns.run())
    won = await asyncio.gather(*[stores.runs.claim("acme", run.id, f"w{n}", 30) for n in range(50)])
    assert sum(one is not None for one in won) == 1


async def test_an_expired_lease_is_taken_over_and_its_holder_shut_out(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    run = await stores.runs.create(nouns.run())
    old, working = await in_progress(stores, run, clock)
    clock.move(30)
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]
    taken = await stores.runs.claim("acme", run.id, "w2", 30)
    assert taken is not None
    assert taken[0].fence == old.fence + 1
    for late in (stores.runs.save(old, Change(run=working, events=[nouns.event(run)])), stores.runs.renew(old, 30)):
        with pytest.raises(LeaseLost):
            await late
    await stores.runs.release(old)
    assert await stores.journal.events("acme", run.id) == []
    assert await stores.runs.claim("acme", run.id, "w3", 30) is None


async def test_a_parked_run_without_a_time_is_due_after_its_worker_died_working(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    run = await stores.runs.create(nouns.run())
    lease, working = await in_progress(stores, run, clock)
    parked = await stores.runs.save(lease, Change(run=working.park(clock.now(), until=None)))
    await stores.runs.release(lease)
    assert parked.due_at is None
    assert await stores.runs.due(10) == []
    again, resumed = await in_progress(stores, parked, clock)
    assert resumed.due_at is not None
    await stores.runs.save(again, Change(run=replace(resumed, due_at=None)))
    clock.move(31)
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]


async def test_renewing_moves_the_end(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run = await stores.runs.create(nouns.run())
    lease, _ = await in_progress(stores, run, clock)
    clock.move(20)
    assert (await stores.runs.renew(lease, 30)).expires_at == clock.now() + 30
    clock.move(29)
    assert await stores.runs.claim("acme", run.id, "w2", 30) is None


async def test_a_run_in_progress_waits_until_its_own_time(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run = await stores.runs.create(nouns.run())
    lease, working = await in_progress(stores, run, clock)
    later = clock.now() + 60
    waiting = await stores.runs.save(lease, Change(run=replace(working, due_at=later)))
    assert (waiting.status, waiting.due_at) == (RunStatus.IN_PROGRESS, later)
    await stores.runs.release(lease)
    assert (await stores.runs.get("acme", run.id)).due_at == later
    clock.move(59)
    assert await stores.runs.due(10) == []
    clock.move(1)
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]


async def test_a_waiting_run_whose_worker_died_is_due_at_its_time(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    run = await stores.runs.create(nouns.run())
    lease, working = await in_progress(stores, run, clock)
    await stores.runs.save(lease, Change(run=replace(working, due_at=clock.now() + 60)))
    clock.move(31)
    assert await stores.runs.due(10) == []
    clock.move(29)
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]


async def test_a_person_wakes_a_run_that_is_just_about_to_wait(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    run = await stores.runs.create(nouns.run())
    lease, working = await in_progress(stores, run, clock)
    await stores.control.request_cancel("acme", run.id, "person:ada")
    asked = clock.now()
    clock.move(1)
    waiting = await stores.runs.save(lease, Change(run=replace(working, due_at=clock.now() + 60)))
    assert waiting.due_at == asked
    await stores.runs.release(lease)
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]
    again = await stores.runs.claim("acme", run.id, "w2", 30)
    assert again is not None
    await stores.runs.save(again[0], Change(run=replace(again[1], due_at=clock.now() + 60)))
    await stores.runs.release(again[0])
    assert await stores.runs.due(10) == []


async def test_release_lets_go_and_moves_nothing(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run = await stores.runs.create(nouns.run())
    lease, working = await in_progress(stores, run, clock)
    await stores.runs.release(lease)
    assert [(one.run_id, one.due_at) for one in await stores.runs.due(10)] == [(run.id, working.due_at)]
    with pytest.raises(LeaseLost):
        await stores.runs.save(lease, Change(run=working))
    lease, working = await in_progress(stores, run, clock)
    await stores.runs.save(lease, Change(run=working.park(clock.now(), until=clock.now() + 600)))
    await stores.runs.release(lease)
    assert await stores.runs.due(10) == []
    clock.move(600)
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]


async def test_a_save_returns_what_is_stored(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run = await stores.runs.create(nouns.run())
    _, working = await in_progress(stores, run, clock)
    assert working.version == run.version + 1
    assert await stores.runs.get("acme", run.id) == working


async def test_an_ended_run_is_free_done_and_stays_ended(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run = await stores.runs.create(nouns.run())
    lease, working = await in_progress(stores, run, clock)
    ended = working.end(RunStatus.COMPLETED, clock.now(), result=RunResult(summary="All well."))
    stored = await stores.runs.save(lease, Change(run=ended))
    assert (stored.due_at, stored.ttl) == (None, round(clock.now()) + RETENTION_S)
    assert await stores.runs.due(10) == []
    assert await stores.runs.claim("acme", run.id, "w2", 30) is None
    with pytest.raises(LeaseLost):
        await stores.runs.save(lease, Change(run=working))
    await stores.runs.release(lease)
    assert (await stores.runs.get("acme", run.id)).status is RunStatus.COMPLETED


async def test_a_change_of_another_run_is_refused(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    mine = await stores.runs.create(nouns.run())
    other = await stores.runs.create(nouns.run(tenant="other"))
    lease, working = await in_progress(stores, mine, clock)
    for change in (
        Change(run=other),
        Change(run=working, steps=[nouns.step(other)]),
        Change(run=working, approvals=[nouns.approval(nouns.step(other))]),
        Change(run=working, events=[nouns.event(other)]),
        Change(run=working, audit=[nouns.entry(tenant="other")]),
        Change(run=working, notices=[nouns.notice(tenant="other")]),
        Change(run=working, ticket=replace(nouns.arrival().ticket, tenant="other")),
    ):
        with pytest.raises(InputError):
            await stores.runs.save(lease, change)
    with pytest.raises(InputError):
        await stores.runs.create(nouns.run(), audit=[nouns.entry(tenant="other")])


async def test_what_is_not_there_is_not_found(stores: Stores, nouns: Nouns) -> None:
    with pytest.raises(NotFound):
        await stores.runs.get("acme", "nothing")
    assert await stores.runs.claim("acme", "nothing", "w1", 30) is None


async def test_ended_runs_go_with_everything_of_theirs(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    key = IdempotencyKey(key="k", request_sha256="a" * 64)
    run = await stores.runs.create(nouns.run(), key=key, audit=[nouns.entry()], events=[nouns.event(nouns.run())][:0])
    await stores.runs.create(nouns.run(status=RunStatus.IN_PROGRESS))
    lease, working = await in_progress(stores, run, clock)
    step = nouns.claimed(run)
    await stores.runs.save(
        lease,
        Change(
            run=working,
            steps=[step],
            approvals=[nouns.approval(step)],
            events=[nouns.event(run)],
            notices=[nouns.notice(run_id=run.id)],
            claim=nouns.claim(step),
        ),
    )
    booking = Booking(tenant="acme", run_id=run.id, day="2026-11-30", most=Amount(tokens=9))
    await stores.spending.book(booking, Budget())
    ended = working.end(RunStatus.FAILED, clock.now(), result=RunResult(summary="Lost."))
    await stores.runs.save(lease, Change(run=ended))
    clock.move(RETENTION_S - 1)
    assert not await stores.housekeeping.expire()
    clock.move(2)
    assert len(await stores.housekeeping.expire()) == 1
    assert not await stores.housekeeping.expire()
    with pytest.raises(NotFound):
        await stores.runs.get("acme", run.id)
    assert not await stores.journal.steps("acme", run.id)
    assert await stores.spending.spent("acme", run_id=run.id) == Amount()
    assert await stores.spending.spent("acme", day=booking.day) == booking.most
    assert not await stores.journal.events("acme", run.id)
    assert not await stores.approvals.of_run("acme", run.id)
    assert not (await stores.notices.list("acme")).items
    assert len((await stores.runs.list("acme")).items) == 1
    assert [entry.action for entry in await stores.audit.list("acme")] == ["run.create"]
    assert (await stores.runs.create(nouns.run(), key=key)).id != run.id


async def test_many_ended_runs_go_in_one_call(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    now = clock.now()
    ended = {"status": RunStatus.COMPLETED, "completed_at": now, "due_at": now}
    await asyncio.gather(*[stores.runs.create(nouns.run(**ended)) for _ in range(450)])
    clock.move(RETENTION_S + 1)
    assert len(await stores.housekeeping.expire()) == 450
