"""Sends what is in the outbox: at least once, several at a time, less and less often where it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.message import message_of
from opsagent.domain.notice import Notice, NoticeStatus, Slots
from opsagent.errors import NotFound, OpsAgentError
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.notify import Channel, Delivery
from opsagent.ports.stores import NoticeStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxConfig:
    """All times in seconds. A send is given up after `send_timeout_s`, well before `lock_s` lets another take it.

    Stopping waits `stop_s` for what is being sent; the rest is sent again later, marked as a possible repeat.
    Try `n` waits `base_s` times 2 to the `n`, at most `cap_s`, and half of it by chance. It is dead once that has gone
    on until it is of no more use (a question's end), else for `lasting_s`: the number of tries ends nothing, so that
    neither an outage nor a receiver with too much to do loses one that matters.
    One that follows another looks again after `behind_s` while that one is on its way.
    """

    slots: Slots = field(default_factory=Slots)
    poll_s: float = 1.0
    send_timeout_s: float = 45.0
    lock_s: float = 90.0
    stop_s: float = 10.0
    base_s: float = 1.0
    cap_s: float = 600.0
    lasting_s: float = 86400.0
    longest_wish_s: float = 3600.0
    behind_s: float = 1.0


class Outbox:
    """Takes due notices and sends them by the channel each names."""

    def __init__(
        self,
        notices: NoticeStore,
        channels: Mapping[str, Channel],
        clock: Clock,
        ids: Ids,
        config: OutboxConfig | None = None,
        *,
        publish: Callable[[RunEvent], None] = lambda _event: None,
    ) -> None:
        """`publish` hears each line that was written to a run's timeline."""
        self._notices = notices
        self._channels = dict(channels)
        self._clock = clock
        self._ids = ids
        self._config = config or OutboxConfig()
        self._publish = publish
        self._wake = asyncio.Event()
        self._stopping = False

    def hint(self) -> None:
        """There is something to send: look at once."""
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more, let `run` finish what is being sent (for `stop_s` at most) and return."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Send until stopped. A store that fails is tried again; cancelling leaves notices to the next sender."""
        sending: dict[asyncio.Task[None], Notice] = {}
        try:
            while not self._stopping:
                self._wake.clear()
                due = await self._take(list(sending.values()))
                sending |= {asyncio.create_task(self._deliver(notice)): notice for notice in due}
                if not due:
                    await self._pause(sending)
                sending = {task: notice for task, notice in sending.items() if not _ended(task)}
            if sending:
                await asyncio.wait(sending, timeout=self._config.stop_s)
        finally:
            for one in sending:
                one.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    async def run_once(self) -> int:
        """Take what is due, as much as is sent at once, and send it; returns how many were tried. StoreUnavailable."""
        due = await self._notices.take(self._config.slots, self._config.lock_s)
        await asyncio.gather(*(self._deliver(notice) for notice in due))
        return len(due)

    async def send_now(self, notice: Notice) -> Notice:
        """Store a new notice as taken by us and try it once; where it stands then. StoreUnavailable, InputError.

        What is not delivered is left to whoever sends next. One that is there already is returned as it stands.
        """
        mine = replace(notice, status=NoticeStatus.SENDING, due_at=self._clock.now() + self._config.lock_s)
        if await self._notices.add([mine]):
            await self._deliver(mine)
        return await self._notices.get(notice.tenant, notice.id)

    async def _take(self, sending: Sequence[Notice]) -> Sequence[Notice]:
        try:
            return await self._notices.take(self._config.slots, self._config.lock_s, sending=sending)
        except OpsAgentError as problem:
            log.warning("The outbox cannot be read: %s %s", problem.message, problem.fix)
            return ()

    async def _deliver(self, notice: Notice) -> None:
        try:
            earlier = await self._earlier(notice)
        except OpsAgentError as problem:
            log.warning("What notice %s follows cannot be read yet: %s", notice.id, problem.message)
            after = self._behind(notice)
        else:
            if earlier is not None and earlier.status in (NoticeStatus.PENDING, NoticeStatus.SENDING):
                after = self._behind(notice)
            else:
                after = self._after(notice, await self._send(notice, earlier.receipt if earlier else ""))
        if after.status is NoticeStatus.DEAD:
            log.error("Notice %s to %s is given up: %s", notice.id, notice.channel, after.last_error)
        try:
            told = await self._notices.mark(notice, after, events=self._lines(after))
        except OpsAgentError as problem:
            # Another sender has it already, or its lock runs out: it is sent again, marked as a possible repeat.
            log.warning("What became of notice %s could not be stored: %s", notice.id, problem.message)
            return
        for line in told:
            self._publish(line)

    def _lines(self, notice: Notice) -> Sequence[RunEvent]:
        """What the timeline of its run says of it, once that is settled."""
        if not notice.run_id or notice.status not in (NoticeStatus.DELIVERED, NoticeStatus.DEAD):
            return ()
        channel = self._channels.get(notice.channel)
        to = f"{notice.channel}, {channel.shown(notice.address) if channel else 'which is not set up'}"
        if notice.status is NoticeStatus.DELIVERED:
            words = f"Told by {to}: {_what(notice)}."
            if notice.possible_repeat:
                words += " It may have arrived before: what was sent says that it may be a repeat."
        else:
            words = f"Not told by {to}: {_what(notice)}. Given up after {_tries(notice.attempts)}: {notice.last_error}"
        about = {"notice": notice.id, "channel": notice.channel, "status": notice.status.value}
        about |= {"attempts": str(notice.attempts), "possibleRepeat": str(notice.possible_repeat).lower()}
        event = RunEvent(
            run_id=notice.run_id,
            tenant=notice.tenant,
            type=EventType.NOTIFICATION,
            node="tell",
            content=words,
            metadata=about,
            created_at=self._clock.now(),
        )
        return (event,)

    async def _earlier(self, notice: Notice) -> Notice | None:
        """The notice it follows, if it is there. StoreUnavailable."""
        if not notice.follows:
            return None
        try:
            return await self._notices.get(notice.tenant, notice.follows)
        except NotFound:
            return None

    def _behind(self, notice: Notice) -> Notice:
        """To be looked at again once what it follows may have been sent."""
        return replace(notice, status=NoticeStatus.PENDING, due_at=self._clock.now() + self._config.behind_s)

    async def _send(self, notice: Notice, earlier: str) -> Delivery:
        channel = self._channels.get(notice.channel)
        if channel is None:
            return Delivery(
                delivered=False, error=f"There is no channel {notice.channel}. Set it up, then send it again."
            )
        try:
            async with asyncio.timeout(self._config.send_timeout_s):
                return await channel.send(notice, earlier=earlier)
        except TimeoutError:
            return Delivery(
                delivered=False, error=f"Not sent within {self._config.send_timeout_s:g} s.", uncertain=True
            )
        except Exception as problem:  # the edge of a channel: a fault in one must not stop the others
            log.exception("Channel %s failed on notice %s", notice.channel, notice.id)
            return Delivery(delivered=False, error=f"The channel failed ({type(problem).__name__}); see the log.")

    def _after(self, notice: Notice, delivery: Delivery) -> Notice:
        now = self._clock.now()
        first = now if notice.tried_at is None else notice.tried_at
        tried = replace(
            notice,
            tried_at=first,
            attempts=notice.attempts + 1,
            last_error=delivery.error,
            possible_repeat=notice.possible_repeat or delivery.uncertain,
        )
        if delivery.delivered:
            done = replace(tried, status=NoticeStatus.DELIVERED, last_error="", receipt=delivery.receipt)
            return replace(done, possible_repeat=False) if delivery.once else done
        # One that a person sends again past its end is tried as long as any other.
        ends_at = first + self._config.lasting_s
        if notice.ends_at is not None and notice.ends_at > first:
            ends_at = notice.ends_at
        if delivery.permanent or now >= ends_at:
            return replace(tried, status=NoticeStatus.DEAD)
        wait = backoff(tried.attempts, self._ids.jitter(), self._config)
        if delivery.retry_after_s is not None:
            wait = max(wait, min(delivery.retry_after_s, self._config.longest_wish_s))
        return replace(tried, status=NoticeStatus.PENDING, due_at=min(now + wait, ends_at))

    async def _pause(self, sending: Iterable[asyncio.Task[None]]) -> None:
        """Until there is a hint, a send has ended, or it is time to look again."""
        waiting = {
            asyncio.ensure_future(self._wake.wait()),
            asyncio.ensure_future(self._clock.sleep(self._config.poll_s)),
        }
        try:
            await asyncio.wait({*waiting, *sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


def _ended(sending: asyncio.Task[None]) -> bool:
    if sending.done() and not sending.cancelled() and (problem := sending.exception()) is not None:
        log.error("A notice could not be dealt with", exc_info=problem)
    return sending.done()


def _what(notice: Notice) -> str:
    """What it tells, in a word or two."""
    try:
        return message_of(notice.body).kind.value
    except ValueError:
        return "the result"  # a callback's


def _tries(count: int) -> str:
    return "one try" if count == 1 else f"{count} tries"


def backoff(attempt: int, chance: float, config: OutboxConfig) -> float:
    """Seconds to wait after the failed try number `attempt` (from 1); `chance` in [0, 1) spreads the second half."""
    longest = min(config.cap_s, config.base_s * 2.0 ** min(attempt - 1, 62))
    return longest * (0.5 + chance / 2)
