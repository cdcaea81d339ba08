"""Watches for alerting that has gone silent: a Watchdog alert is no problem, its absence is one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opsagent.domain.heartbeat import Heartbeat
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import OpsAgentError
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.intake_stores import HeartbeatStore

log = logging.getLogger(__name__)
NAME = "AlertingSilent"
GRACE_S = 300.0  # after a start: what could not reach us while we were down is sent again meanwhile
Receive = Callable[[str, Sequence[Signal]], Awaitable[object]]


@dataclass(slots=True, kw_only=True)
class SilenceWatch:
    """Looks every `every_s` seconds; `silent_after_s` seconds without a heartbeat are silence, 0 switches it off.

    A source whose heartbeat never came in is not watched: nobody set one up. What is told is a signal like any other;
    its delivery is named for the last heartbeat, so that a crash between telling and noting tells nothing twice.
    """

    heartbeats: HeartbeatStore
    receive: Receive
    clock: Clock
    ids: Ids
    silent_after_s: float
    every_s: float = 15.0
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def run(self) -> None:
        """Until stopped. A store that cannot be reached is asked again the next time."""
        not_before = self.clock.now() + min(self.silent_after_s, GRACE_S)
        while not self._stopped.is_set() and self.silent_after_s > 0:
            try:
                await self.look(not_before)
            except OpsAgentError as error:
                log.warning("heartbeats could not be looked at: %s", error.message)
            try:
                async with asyncio.timeout(self.every_s):
                    await self._stopped.wait()
            except TimeoutError:
                continue

    async def look(self, not_before: float = 0.0) -> None:
        """Tell of every source that is heard again and, from `not_before` (epoch seconds) on, that has gone silent.

        StoreUnavailable, Disabled.
        """
        now = self.clock.now()
        for heart in await self.heartbeats.list():
            silent = now - heart.last_at > self.silent_after_s and now >= not_before
            if silent and heart.told_at is None:
                await self._tell(heart, SignalStatus.FIRING, now)
                await self.heartbeats.told(heart.tenant, heart.source, now)
            elif heart.told_at is not None and heart.last_at > heart.told_at:
                await self._tell(heart, SignalStatus.RESOLVED, now)
                await self.heartbeats.told(heart.tenant, heart.source, None)

    async def _tell(self, heart: Heartbeat, status: SignalStatus, now: float) -> None:
        last = datetime.fromtimestamp(heart.last_at, UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
        over = status is SignalStatus.RESOLVED
        signal = Signal(
            id=self.ids.uuid(),
            tenant=heart.tenant,
            source=heart.source,
            fingerprint=f"silence:{heart.source}",
            name=NAME,
            status=status,
            delivery=f"silence:{status.value}:{heart.last_at}",
            title=f"Alerting is silent: no heartbeat from {heart.source} since {last}",
            description=(
                f"The Watchdog alert of {heart.source} last came in at {last} and should come every few minutes. "
                "While it is missing, no other alert may come through either: look at the monitoring itself, "
                "its notification channel and the way from there to here."
            ),
            priority=Priority.HIGH,
            labels={"source": heart.source, "last_heartbeat": last},
            starts_at=heart.last_at,
            ends_at=heart.last_at if over else None,
            received_at=now,
        )
        await self.receive(heart.tenant, (signal,))
        log.warning("%s is %s", heart.source, "heard again" if over else f"silent since {last}")
