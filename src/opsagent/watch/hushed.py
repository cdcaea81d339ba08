"""Looks at tickets that were silenced: what still fires when nobody silences it any more gets its run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from opsagent.domain.ticket import Signal, SignalStatus, Ticket
from opsagent.errors import OpsAgentError
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.tickets import TicketStore
from opsagent.ports.timetable import SilenceStore

log = logging.getLogger(__name__)
PAGE = 200


@dataclass(slots=True, kw_only=True)
class HushedWatch:
    """Looks every `every_s` seconds. Many sources tell once of what fires: no later signal would start the run.

    `silenced` says for each signal by whom it is silenced now, or nothing; `receive` is the agent's door. The last
    firing signal is handed in again, as heard from nobody: `receive` takes the silence off the ticket in the
    transaction that stores the run, so a crash repeats nothing.
    """

    silences: SilenceStore
    tickets: TicketStore
    silenced: Callable[[str, Sequence[Signal]], Awaitable[Sequence[str]]]
    receive: Callable[[str, Sequence[Signal]], Awaitable[object]]
    clock: Clock
    ids: Ids
    every_s: float = 30.0
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def run(self) -> None:
        """Until stopped. A store that cannot be reached is asked again the next time."""
        while not self._stopped.is_set():
            try:
                await self.look()
            except OpsAgentError as problem:
                log.warning("Silenced tickets could not be looked at: %s", problem.message)
            try:
                async with asyncio.timeout(self.every_s):
                    await self._stopped.wait()
            except TimeoutError:
                continue

    async def look(self) -> int:
        """Hand in again what is silenced no more; how many. StoreUnavailable, Disabled."""
        told, after = 0, ("", "")
        while page := await self.silences.hushed(PAGE, after=after):
            after = (page[-1].tenant, page[-1].id)
            for tenant in dict.fromkeys(ticket.tenant for ticket in page):
                told += await self._tell(tenant, [ticket for ticket in page if ticket.tenant == tenant])
        return told

    async def _tell(self, tenant: str, tickets: Sequence[Ticket]) -> int:
        words = await self.silenced(tenant, [self._as_signal(ticket) for ticket in tickets])
        free = [ticket for ticket, silenced in zip(tickets, words, strict=True) if not silenced]
        again = [signal for ticket in free if (signal := await self._last(ticket)) is not None]
        words = await self.silenced(tenant, again)  # its labels may be others than those the ticket began with
        heard = [signal for signal, silenced in zip(again, words, strict=True) if not silenced]
        if heard:
            await self.receive(tenant, heard)
        return len(heard)

    def _as_signal(self, ticket: Ticket) -> Signal:
        return Signal(
            id=ticket.id,
            tenant=ticket.tenant,
            source=ticket.source,
            fingerprint=ticket.fingerprint,
            name=ticket.name,
            status=SignalStatus.FIRING,
            delivery="",
            environment=ticket.environment,
            labels=ticket.labels,
        )

    async def _last(self, ticket: Ticket) -> Signal | None:
        """Its newest signal, if that one fires."""
        found = await self.tickets.signals(ticket.tenant, ticket.id, limit=1)
        if not found or found[-1].status is not SignalStatus.FIRING:
            return None
        delivery = f"unsilenced:{ticket.id}:{ticket.signals}"
        return replace(found[-1], id=self.ids.uuid(), delivery=delivery, received_at=self.clock.now())
