from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.notice import Notice, NoticeStatus
from opsagent.errors import StoreUnavailable
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

    async def take(self, limit: int, lock_s: float) -> Sequence[Notice]:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("The disk is full.", fix="Free some space.")
        open_ = (NoticeStatus.PENDING, NoticeStatus.SENDING)
        due = [one for one in self.rows.values() if one.status in open_ and one.due_at <= self.clock.now()][:limit]
        taken = [
            replace(
                one,
                status=NoticeStatus.SENDING,
                due_at=self.clock.now() + lock_s,
                possible_repeat=one.possible_repeat or one.status is NoticeStatus.SENDING,
            )
            for one in due
        ]
        self.rows |= {one.id: one for one in taken}
        return taken

    async def mark(self, notice: Notice) -> None:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("The disk is full.", fix="Free some space.")
        self.rows[notice.id] = notice

    async def list(self, tenant: str, *, limit: int = 100) -> Sequence[Notice]:
        return [one for one in self.rows.values() if one.tenant == tenant][:limit]

    async def add(self, notices: Sequence[Notice]) -> None:
        for one in notices:
            self.rows.setdefault(one.id, one)


class Scripted:
    """A channel that answers as told, and knows how many sends ran at once."""

    name = "test"

    def __init__(self, *answers: Delivery | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Notice] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = self.most = 0

    async def send(self, notice: Notice) -> Delivery:
        self.sent.append(notice)
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


async def test_a_failed_send_waits_longer_each_time_and_dies() -> None:
    clock, notices, channel, outbox = house(DOWN, attempts=4)
    waits = []
    while notices.rows["n0"].status is not NoticeStatus.DEAD:
        assert await outbox.run_once() == 1
        waits.append(notices.rows["n0"].due_at - clock.now())
        clock.move(max(0.0, waits[-1]))
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert len(channel.sent) == 4
    assert notices.rows["n0"].last_error == "It is down."
    assert await outbox.run_once() == 0


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

    async def send(one: Notice) -> Delivery:
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


async def test_run_sends_at_most_so_many_at_once_and_a_slow_one_holds_up_no_other() -> None:
    clock = HandClock()
    slow, fast = Scripted(OK), Scripted(OK)
    slow.gate.clear()
    rows = [notice(0, "slow"), *(notice(number, "fast") for number in range(1, 30))]
    notices = Notices(clock, *rows)
    outbox = Outbox(notices, {"slow": slow, "fast": fast}, clock, SteadyIds(), OutboxConfig(at_once=3))
    running = asyncio.create_task(outbox.run())
    await until(lambda: len(fast.sent) == 29)
    assert slow.at_once == 1
    assert fast.most <= 2
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

    async def broken(one: Notice) -> None:
        if one.id == "n0":
            raise ValueError("broken row")
        await mark(one)

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


@given(attempt=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_wait_grows_is_bounded_and_never_zero(attempt: int, chance: float) -> None:
    config = OutboxConfig()
    wait = backoff(attempt, chance, config)
    assert config.base_s / 2 <= wait <= config.cap_s
    assert wait >= min(config.cap_s, config.base_s * 2.0 ** min(attempt - 1, 20)) / 2
