"""Sends what is in the outbox: at least once, several at a time, less and less often where it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.notice import Notice, NoticeStatus
from opsagent.errors import OpsAgentError
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.notify import Channel, Delivery
from opsagent.ports.stores import NoticeStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxConfig:
    """All times in seconds. A send is given up after `send_timeout_s`, well before `lock_s` lets another take it.

    Stopping waits `stop_s` for what is being sent; the rest is sent again later, marked as a possible repeat.
    Try `n` waits `base_s` times 2 to the `n`, at most `cap_s`, and half of it by chance; after `attempts` it is dead.
    """

    at_once: int = 8
    poll_s: float = 1.0
    send_timeout_s: float = 45.0
    lock_s: float = 90.0
    stop_s: float = 10.0
    base_s: float = 1.0
    cap_s: float = 600.0
    attempts: int = 12
    longest_wish_s: float = 3600.0


class Outbox:
    """Takes due notices and sends them by the channel each names."""

    def __init__(
        self,
        notices: NoticeStore,
        channels: Mapping[str, Channel],
        clock: Clock,
        ids: Ids,
        config: OutboxConfig | None = None,
    ) -> None:
        self._notices = notices
        self._channels = dict(channels)
        self._clock = clock
        self._ids = ids
        self._config = config or OutboxConfig()
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
        sending: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping:
                self._wake.clear()
                due = await self._take(self._config.at_once - len(sending))
                sending |= {asyncio.create_task(self._deliver(notice)) for notice in due}
                if not due:
                    await self._pause(sending)
                sending = {one for one in sending if not _ended(one)}
            if sending:
                await asyncio.wait(sending, timeout=self._config.stop_s)
        finally:
            for one in sending:
                one.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    async def run_once(self) -> int:
        """Take what is due, as much as is sent at once, and send it; returns how many were tried. StoreUnavailable."""
        due = await self._notices.take(self._config.at_once, self._config.lock_s)
        await asyncio.gather(*(self._deliver(notice) for notice in due))
        return len(due)

    async def _take(self, room: int) -> Sequence[Notice]:
        if room <= 0:
            return ()
        try:
            return await self._notices.take(room, self._config.lock_s)
        except OpsAgentError as problem:
            log.warning("The outbox cannot be read: %s %s", problem.message, problem.fix)
            return ()

    async def _deliver(self, notice: Notice) -> None:
        delivery = await self._send(notice)
        after = self._after(notice, delivery)
        if after.status is NoticeStatus.DEAD:
            log.error("Notice %s to %s is given up: %s", notice.id, notice.channel, after.last_error)
        try:
            await self._notices.mark(after)
        except OpsAgentError as problem:
            # Its lock runs out and it is sent again, marked as a possible repeat.
            log.warning("What became of notice %s could not be stored: %s", notice.id, problem.message)

    async def _send(self, notice: Notice) -> Delivery:
        channel = self._channels.get(notice.channel)
        if channel is None:
            return Delivery(
                delivered=False, error=f"There is no channel {notice.channel}. Set it up, then send it again."
            )
        try:
            async with asyncio.timeout(self._config.send_timeout_s):
                return await channel.send(notice)
        except TimeoutError:
            return Delivery(delivered=False, error=f"Not sent within {self._config.send_timeout_s:g} s.")
        except Exception as problem:  # the edge of a channel: a fault in one must not stop the others
            log.exception("Channel %s failed on notice %s", notice.channel, notice.id)
            return Delivery(delivered=False, error=f"The channel failed ({type(problem).__name__}); see the log.")

    def _after(self, notice: Notice, delivery: Delivery) -> Notice:
        tried = replace(notice, attempts=notice.attempts + 1, last_error=delivery.error)
        if delivery.delivered:
            return replace(tried, status=NoticeStatus.DELIVERED, last_error="")
        if delivery.permanent or tried.attempts >= self._config.attempts:
            return replace(tried, status=NoticeStatus.DEAD)
        wait = backoff(tried.attempts, self._ids.jitter(), self._config)
        if delivery.retry_after_s is not None:
            wait = max(wait, min(delivery.retry_after_s, self._config.longest_wish_s))
        return replace(tried, status=NoticeStatus.PENDING, due_at=self._clock.now() + wait)

    async def _pause(self, sending: set[asyncio.Task[None]]) -> None:
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


def backoff(attempt: int, chance: float, config: OutboxConfig) -> float:
    """Seconds to wait after the failed try number `attempt` (from 1); `chance` in [0, 1) spreads the second half."""
    longest = min(config.cap_s, config.base_s * 2.0 ** min(attempt - 1, 62))
    return longest * (0.5 + chance / 2)
