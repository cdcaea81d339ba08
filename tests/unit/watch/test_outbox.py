from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.notice import Lane, Notice, NoticeStatus, Slots
from opsagent.errors import NotFound, StoreUnavailable
from opsagent.ports.notify import Delivery
from opsagent.watch.outbox import Outbox, OutboxConfig, backoff


class HandClock:
    """Time that only a test moves; a sleep ends when it was moved far enough."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.moved = asyncio.Event()
        self.sleeping = 0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        self.sleeping += 1
        try:
            while self.time < until:
                await self.moved.wait()
        finally:
            self.sleeping -= 1

    def move(self, seconds: float) -> None:
        self.time += seconds
        self.moved.set()
        self.moved = asyncio.Event()


class SteadyIds:
    def uuid(self) -> str:
        return "id"

    def secret(self) -> str:
        return "secret"

    def jitter(self) -> float:
        return 0.0


class Notices:
    """An outbox in memory, as the port words it."""

    def __init__(self, clock: HandClock, *notices: Notice) -> None:
        self.clock = clock
        self.rows = {one.id: one for one in notices}
        self.failing = 0
        self.lines: list[RunEvent] = []

    async def take(self, slots: Slots, lock_s: float, *, sending: Sequence[Notice] = ()) -> Sequence[Notice]:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("The disk is full.", fix="Free some space.")
        open_ = (NoticeStatus.PENDING, NoticeStatus.SENDING)
        due = [one for one in self.rows.values() if one.status in open_ and one.due_at <= self.clock.now()]
        taken: list[Notice] = []
        for one in due:
            full = slots.full([*sending, *taken], one.lane)
            if full is None or one.place in full.places or one.tenant in full.tenants:
                continue
            repeat = one.possible_repeat or one.status is NoticeStatus.SENDING
            until_s = self.clock.now() + lock_s
            taken.append(replace(one, status=NoticeStatus.SENDING, due_at=until_s, possible_repeat=repeat))
        self.rows |= {one.id: one for one in taken}
        return taken

    async def mark(self, before: Notice, after: Notice, *, events: Sequence[RunEvent] = ()) -> Sequence[RunEvent]:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("The disk is full.", fix="Free some space.")
        assert self.rows[before.id] == before
        self.rows[before.id] = after
        self.lines += events
        return events

    async def get(self, tenant: str, notice_id: str) -> Notice:
        if notice_id not in self.rows or self.rows[notice_id].tenant != tenant:
            raise NotFound(f"no notice {notice_id}")
        return self.rows[notice_id]

    async def add(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        new = [one for one in notices if one.id not in self.rows]
        self.rows |= {one.id: one for one in new}
        return new


class Scripted:
    """A channel that answers as told, and knows how many sends ran at once."""

    name = about = "test"
    changes = False

    def destination(self, address: str) -> str:
        return address

    def shown(self, address: str) -> str:
        return address[:1] + "…"

    def __init__(self, *answers: Delivery | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Notice] = []
        self.earlier: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = self.most = 0

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:
        self.sent.append(notice)
        self.earlier.append(earlier)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


OK = Delivery(delivered=True)
DOWN = Delivery(delivered=False, error="It is down.")


def notice(number: int = 1, channel: str = "test") -> Notice:
    return Notice(id=f"n{number}", tenant="t", channel=channel, address="a", body="{}", created_at=1.0)


def house(
    *answers: Delivery | Exception, count: int = 1, **config: object
) -> tuple[HandClock, Notices, Scripted, Outbox]:
    clock = HandClock()
    notices = Notices(clock, *(notice(number) for number in range(count)))
    channel = Scripted(*answers)
    return clock, notices, channel, Outbox(notices, {"test": channel}, clock, SteadyIds(), OutboxConfig(**config))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_what_is_due_is_sent_once() -> None:
    _, notices, channel, outbox = house(OK)
    assert await outbox.run_once() == 1
    assert await outbox.run_once() == 0
    assert len(channel.sent) == 1
    row = notices.rows["n0"]
    assert (row.status, row.attempts, row.last_error) == (NoticeStatus.DELIVERED, 1, "")


async def test_one_that_follows_waits_for_the_earlier_and_is_sent_with_its_receipt() -> None:
    clock, notices, channel, outbox = house(DOWN, Delivery(delivered=True, receipt="ts-1"), count=2)
    notices.rows["n1"] = replace(notices.rows["n1"], follows="n0")
    await outbox.run_once()
    assert [one.id for one in channel.sent] == ["n0"]
    assert (notices.rows["n1"].status, notices.rows["n1"].attempts) == (NoticeStatus.PENDING, 0)
    clock.move(100)
    await outbox.run_once()
    clock.move(100)
    await outbox.run_once()
    assert [one.id for one in channel.sent] == ["n0", "n0", "n1"]
    assert channel.earlier == ["", "", "ts-1"]
    assert notices.rows["n0"].receipt == "ts-1"


async def test_one_that_follows_what_cannot_be_read_now_waits_for_it() -> None:
    clock, notices, channel, outbox = house(OK, count=2)
    notices.rows["n0"] = replace(notices.rows["n0"], status=NoticeStatus.DELIVERED, receipt="ts-1")
    notices.rows["n1"] = replace(notices.rows["n1"], follows="n0")
    get, notices.get = notices.get, unreadable
    await outbox.run_once()
    assert channel.sent == []
    assert (notices.rows["n1"].status, notices.rows["n1"].attempts) == (NoticeStatus.PENDING, 0)
    notices.get = get
    clock.move(1)
    await outbox.run_once()
    assert channel.earlier == ["ts-1"]


async def unreadable(tenant: str, notice_id: str) -> Notice:
    raise StoreUnavailable(f"Notice {notice_id} of {tenant} cannot be read.", fix="Free some space.")


async def test_one_that_follows_what_is_dead_or_gone_is_sent_by_itself() -> None:
    _, notices, channel, outbox = house(OK, count=3)
    notices.rows["n0"] = replace(notices.rows["n0"], status=NoticeStatus.DEAD)
    notices.rows["n1"] = replace(notices.rows["n1"], follows="n0")
    notices.rows["n2"] = replace(notices.rows["n2"], follows="gone")
    await outbox.run_once()
    assert channel.earlier == ["", ""]


async def test_a_failed_send_waits_longer_each_time_and_dies() -> None:
    clock, notices, channel, outbox = house(DOWN)
    waits, began = [], clock.now()
    assert await outbox.run_once() == 1
    while notices.rows["n0"].status is NoticeStatus.PENDING:
        waits.append(notices.rows["n0"].due_at - clock.now())
        clock.move(waits[-1])
        assert await outbox.run_once() == 1
    assert notices.rows["n0"].status is NoticeStatus.DEAD
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert max(waits) == 300.0
    assert clock.now() - began == 24 * 3600.0, "it is tried for a day, the last time at its end"
    assert len(channel.sent) > 24 * 12
    assert notices.rows["n0"].last_error == "It is down."
    assert await outbox.run_once() == 0


async def test_a_question_is_tried_until_its_end_and_again_where_a_person_says_so() -> None:
    clock, notices, _, outbox = house(Delivery(delivered=False, retry_after_s=1.0, error="Too many."))
    notices.rows["n0"] = replace(notices.rows["n0"], ends_at=clock.now() + 1800)
    assert await outbox.run_once() == 1
    while notices.rows["n0"].status is NoticeStatus.PENDING:
        clock.move(notices.rows["n0"].due_at - clock.now())
        assert await outbox.run_once() == 1
    assert (clock.now(), notices.rows["n0"].status) == (2800.0, NoticeStatus.DEAD)
    notices.rows["n0"] = notices.rows["n0"].again(clock.now())
    assert await outbox.run_once() == 1
    assert notices.rows["n0"].status is NoticeStatus.PENDING


async def test_a_final_answer_is_not_tried_again() -> None:
    _, notices, _, outbox = house(Delivery(delivered=False, permanent=True, error="It answered 404."))
    await outbox.run_once()
    assert (notices.rows["n0"].status, notices.rows["n0"].last_error) == (NoticeStatus.DEAD, "It answered 404.")


@pytest.mark.parametrize(("wish", "wait"), [(30.0, 30.0), (0.0, 0.5), (1e9, 3600.0)])
async def test_the_receivers_wish_is_honoured_within_reason(wish: float, wait: float) -> None:
    clock, notices, _, outbox = house(Delivery(delivered=False, retry_after_s=wish))
    await outbox.run_once()
    assert notices.rows["n0"].due_at - clock.now() == wait


async def test_a_fault_in_a_channel_and_a_missing_channel_are_failed_sends() -> None:
    _, notices, _, outbox = house(ValueError("a secret detail"))
    await notices.add([notice(7, channel="gone")])
    assert await outbox.run_once() == 2
    assert notices.rows["n0"].status is NoticeStatus.PENDING
    assert "ValueError" in notices.rows["n0"].last_error
    assert "secret detail" not in notices.rows["n0"].last_error
    assert "gone" in notices.rows["n7"].last_error


async def test_a_send_that_hangs_is_given_up() -> None:
    _, notices, channel, outbox = house(OK, send_timeout_s=0.01)
    channel.gate.clear()
    await outbox.run_once()
    assert notices.rows["n0"].status is NoticeStatus.PENDING
    assert "0.01 s" in notices.rows["n0"].last_error


async def test_an_end_that_could_not_be_stored_makes_a_possible_repeat() -> None:
    clock, notices, channel, outbox = house(OK)

    async def send(one: Notice, *, earlier: str = "") -> Delivery:
        channel.sent.append(one)
        notices.failing = 1 if len(channel.sent) == 1 else 0
        return OK

    channel.send = send
    await outbox.run_once()
    assert notices.rows["n0"].status is NoticeStatus.SENDING
    clock.move(90)
    await outbox.run_once()
    assert [one.possible_repeat for one in channel.sent] == [False, True]
    assert notices.rows["n0"].status is NoticeStatus.DELIVERED


async def test_one_that_was_found_is_no_possible_repeat() -> None:
    clock, notices, _, outbox = house(replace(DOWN, uncertain=True), Delivery(delivered=True, once=True))
    notices.rows["n0"] = replace(notices.rows["n0"], run_id="r1")
    await outbox.run_once()
    assert notices.rows["n0"].possible_repeat
    clock.move(1)
    await outbox.run_once()
    assert not notices.rows["n0"].possible_repeat
    (line,) = notices.lines
    assert "repeat" not in line.content


async def test_run_sends_at_most_so_many_at_once_and_a_slow_one_holds_up_no_other() -> None:
    clock = HandClock()
    slow, fast = Scripted(OK), Scripted(OK)
    slow.gate.clear()
    rows = [notice(0, "slow"), *(notice(number, "fast") for number in range(1, 30))]
    notices = Notices(clock, *rows)
    outbox = Outbox(notices, {"slow": slow, "fast": fast}, clock, SteadyIds(), OutboxConfig(slots=Slots(in_all=3)))
    running = asyncio.create_task(outbox.run())
    await until(lambda: len(fast.sent) == 29)
    assert slow.at_once == 1
    assert fast.most <= 2
    slow.gate.set()
    await until(lambda: all(one.status is NoticeStatus.DELIVERED for one in notices.rows.values()))
    outbox.stop()
    await running


async def test_callbacks_that_hang_hold_up_no_question_and_no_other_host() -> None:
    clock, slow, fast = HandClock(), Scripted(OK), Scripted(OK)
    slow.gate.clear()
    callbacks = [replace(notice(number, "slow"), address="https://hook.example/x") for number in range(40)]
    question = replace(notice(40, "slow"), address="https://chat.example/x", lane=Lane.URGENT)
    notices = Notices(clock, *callbacks, question, notice(41, "fast"))
    outbox = Outbox(notices, {"slow": slow, "fast": fast}, clock, SteadyIds())
    running = asyncio.create_task(outbox.run())
    await until(lambda: len(fast.sent) == 1 and question.id in [one.id for one in slow.sent])
    assert slow.most == 5
    slow.gate.set()
    await until(lambda: all(one.status is NoticeStatus.DELIVERED for one in notices.rows.values()))
    outbox.stop()
    await running


async def test_a_hint_is_looked_at_at_once_and_time_finds_the_rest() -> None:
    clock, notices, channel, outbox = house(OK, count=0)
    running = asyncio.create_task(outbox.run())
    await notices.add([notice(1)])
    outbox.hint()
    await until(lambda: len(channel.sent) == 1)
    await notices.add([replace(notice(2), due_at=clock.now() + 5)])
    async with asyncio.timeout(10):
        while len(channel.sent) == 1:
            clock.move(1)
            await asyncio.sleep(0)
    assert clock.now() >= notices.rows["n2"].created_at + 5
    outbox.stop()
    await running


async def test_stopping_finishes_what_is_being_sent() -> None:
    _, notices, channel, outbox = house(OK)
    channel.gate.clear()
    running = asyncio.create_task(outbox.run())
    await until(lambda: channel.at_once == 1)
    outbox.stop()
    await asyncio.sleep(0)
    assert not running.done()
    channel.gate.set()
    await running
    assert notices.rows["n0"].status is NoticeStatus.DELIVERED


async def test_stopping_does_not_wait_for_ever() -> None:
    _, notices, channel, outbox = house(OK, stop_s=0.01)
    channel.gate.clear()
    running = asyncio.create_task(outbox.run())
    await until(lambda: channel.at_once == 1)
    outbox.stop()
    await running
    assert channel.at_once == 0
    assert notices.rows["n0"].status is NoticeStatus.SENDING


async def test_cancelling_leaves_the_rest_to_the_next_sender() -> None:
    _, notices, channel, outbox = house(OK)
    channel.gate.clear()
    running = asyncio.create_task(outbox.run())
    await until(lambda: channel.at_once == 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert channel.at_once == 0
    assert notices.rows["n0"].status is NoticeStatus.SENDING


async def test_a_fault_in_the_store_is_logged_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    _, notices, channel, outbox = house(OK, count=2)
    mark = notices.mark

    async def broken(before: Notice, after: Notice, **more: object) -> Sequence[RunEvent]:
        if before.id == "n0":
            raise ValueError("broken row")
        return await mark(before, after, **more)

    notices.mark = broken
    running = asyncio.create_task(outbox.run())
    await until(lambda: notices.rows["n1"].status is NoticeStatus.DELIVERED and "broken row" in caplog.text)
    assert not running.done()
    outbox.stop()
    await running
    assert len(channel.sent) == 2


async def test_a_store_that_fails_is_tried_again() -> None:
    clock, notices, channel, outbox = house(OK)
    notices.failing = 2
    running = asyncio.create_task(outbox.run())
    for left in (1, 0):
        await until(lambda left=left: notices.failing == left and clock.sleeping > 0)
        clock.move(1)
    await until(lambda: len(channel.sent) == 1)
    outbox.stop()
    await running


async def test_the_runs_timeline_says_what_was_told_and_what_was_given_up() -> None:
    heard: list[RunEvent] = []
    clock, notices, _, _ = house(OK)
    channel = Scripted(DOWN, replace(DOWN, uncertain=True), OK, replace(DOWN, permanent=True))
    outbox = Outbox(notices, {"test": channel}, clock, SteadyIds(), publish=heard.append)
    notices.rows = {"n1": replace(notice(1), run_id="r1", address="secret")}
    while notices.rows["n1"].status is not NoticeStatus.DELIVERED:
        assert await outbox.run_once() == 1
        clock.move(60)
    (told,) = heard
    assert (told.type, told.run_id, told.tenant, told.node) == (EventType.NOTIFICATION, "r1", "t", "tell")
    assert told.content.startswith("Told by test, s…: the result.")
    assert "may be a repeat" in told.content
    assert told.metadata == {
        "notice": "n1", "channel": "test", "status": "delivered", "attempts": "3", "possibleRepeat": "true"
    }  # fmt: skip
    await notices.add([replace(notice(2), run_id="r1"), notice(3)])
    await outbox.run_once()
    (_, given_up) = heard
    assert given_up.content == "Not told by test, a…: the result. Given up after one try: It is down."
    assert notices.lines == heard


async def test_a_timeline_that_takes_nothing_holds_up_nothing() -> None:
    _, notices, _, outbox = house(OK)
    mark = notices.mark

    async def silent(before: Notice, after: Notice, *, events: Sequence[RunEvent] = ()) -> Sequence[RunEvent]:
        await mark(before, after)
        return ()

    notices.mark = silent
    notices.rows["n0"] = replace(notices.rows["n0"], run_id="r1")
    await outbox.run_once()
    assert notices.rows["n0"].status is NoticeStatus.DELIVERED


async def test_what_is_sent_now_is_tried_once_and_left_to_the_next_where_it_fails() -> None:
    clock, notices, channel, outbox = house(DOWN, OK, count=0)
    first = await outbox.send_now(notice(1))
    assert (first.status, first.attempts, first.last_error) == (NoticeStatus.PENDING, 1, "It is down.")
    assert (await outbox.send_now(notice(1))).attempts == 1, "it is there already: it is left to whoever sends"
    clock.move(1)
    assert await outbox.run_once() == 1
    assert notices.rows["n1"].status is NoticeStatus.DELIVERED
    assert (await outbox.send_now(notice(2))).status is NoticeStatus.DELIVERED
    assert len(channel.sent) == 3


@given(attempt=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_wait_grows_is_bounded_and_never_zero(attempt: int, chance: float) -> None:
    config = OutboxConfig()
    wait = backoff(attempt, chance, config)
    assert config.base_s / 2 <= wait <= config.cap_s
    assert wait >= min(config.cap_s, config.base_s * 2.0 ** min(attempt - 1, 20)) / 2
