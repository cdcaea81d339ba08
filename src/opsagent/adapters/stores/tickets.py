"""Problems and the signals that make them up."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode
from opsagent.adapters.stores.ending_rows import note_reopened
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.gathering import Gathering
from opsagent.adapters.stores.merging import merge
from opsagent.adapters.stores.paging import newest_first, page_of
from opsagent.adapters.stores.receiving import receive
from opsagent.adapters.stores.run_rows import wake
from opsagent.adapters.stores.tables import measurements, signals, tickets
from opsagent.adapters.stores.ticket_rows import LOADED, came_back, fetch, load, save_ticket
from opsagent.domain.event import AuditEntry
from opsagent.domain.page import Page
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import OPEN_STATUSES, Signal, Ticket, TicketStatus
from opsagent.errors import InputError
from opsagent.ports.clock import Clock
from opsagent.ports.tickets import Arrival, Joined, Measurement


class SqlTickets:
    """TicketStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain
        self._receive = Gathering(self._store)

    async def receive(self, arrivals: Sequence[Arrival]) -> Sequence[Joined]:
        """Join each signal to the ticket it belongs to, or store its new ticket and run; see the port."""
        for arrival in arrivals:
            signal, ticket = arrival.signal, arrival.ticket
            if len({signal.tenant, ticket.tenant, arrival.run.tenant}) != 1:
                raise InputError("A signal, its ticket and its run have one tenant.", fix="Give them the same.")
            if signal.fingerprint != ticket.fingerprint:
                raise InputError("A signal and its ticket have one fingerprint.", fix="Give them the same.")
        return await self._receive(tuple(arrivals))

    async def _store(self, arrivals: Sequence[Arrival]) -> Sequence[Joined]:
        return await self._engine.write(
            "tickets.receive", lambda connection: receive(connection, arrivals, self._clock.now())
        )

    async def get(self, tenant: str, ticket_id: str) -> Ticket:
        """One ticket. NotFound."""
        return await self._engine.read(lambda connection: fetch(connection, tenant, ticket_id))

    async def list(
        self,
        tenant: str,
        *,
        status: TicketStatus | None = None,
        priority: Priority | None = None,
        limit: int = 50,
        cursor: str = "",
    ) -> Page[Ticket]:
        """Newest first. InputError for a bad cursor."""
        query = select(*LOADED).where(tickets.c.tenant == tenant)
        if status is not None:
            query = query.where(tickets.c.status == status.value)
        if priority is not None:
            query = query.where(tickets.c.priority == priority.value)
        query = newest_first(query, tickets.c.created_at, tickets.c.id, limit=limit, cursor=cursor)
        return await self._engine.read(lambda connection: page_of(connection.execute(query).all(), limit, load))

    async def signals(self, tenant: str, ticket_id: str, *, limit: int = 200) -> Sequence[Signal]:
        """The latest signals of a ticket, oldest first."""
        query = (
            select(signals.c.body)
            .where(signals.c.tenant == tenant, signals.c.ticket_id == ticket_id)
            .order_by(signals.c.number.desc())
            .limit(limit)
        )

        def work(connection: Connection) -> builtins.list[Signal]:
            return [decode(Signal, body) for body in reversed(connection.execute(query).scalars().all())]

        return await self._engine.read(work)

    async def last_measurement(self, tenant: str, fingerprint: str) -> Measurement | None:
        """The newest measurement of this fingerprint."""
        query = select(measurements).where(measurements.c.tenant == tenant, measurements.c.fingerprint == fingerprint)
        row = await self._engine.read(lambda connection: connection.execute(query).first())
        if row is None:
            return None
        return Measurement(
            tenant=row.tenant, fingerprint=row.fingerprint, healthy=bool(row.healthy), at=row.at, text=row.text
        )

    async def save(self, ticket: Ticket, audit: Sequence[AuditEntry]) -> Ticket:
        """A person's change, if the version is the stored one, else IllegalMove; see the port. NotFound."""
        if any(entry.tenant != ticket.tenant for entry in audit):
            raise InputError("An audit entry belongs to another tenant.", fix="Give entries of the ticket's tenant.")

        def work(connection: Connection) -> Ticket:
            before = fetch(connection, ticket.tenant, ticket.id)
            saved = save_ticket(connection, ticket)
            if ticket.status in OPEN_STATUSES:
                note_reopened(connection, ticket, self._clock.now())
                if before.status not in OPEN_STATUSES:
                    saved = came_back(connection, saved)
            self._chain.append(connection, audit)
            return saved

        return await self._engine.write("tickets.save", work)

    async def take(self, tenant: str, ticket_id: str, *, taken_by: str, by: str) -> Ticket:
        """A person takes it over, or hands it back; its open run becomes due. NotFound."""

        def work(connection: Connection) -> Ticket:
            now = self._clock.now()
            ticket = fetch(connection, tenant, ticket_id)
            if ticket.taken_by == taken_by:
                return ticket
            saved = save_ticket(connection, replace(ticket, taken_by=taken_by, updated_at=now))
            if ticket.run_id:
                wake(connection, tenant, ticket.run_id, now)
            action = "ticket.taken" if taken_by else "ticket.handed_back"
            detail = {"ticket": ticket_id, "takenBy": taken_by or ticket.taken_by}
            self._chain.append(connection, [AuditEntry(tenant=tenant, at=now, actor=by, action=action, detail=detail)])
            return saved

        return await self._engine.write("tickets.take", work)

    async def merge(self, tenant: str, ticket_id: str, *, into: str, by: str) -> Ticket:
        """Two open tickets are one problem; the one that goes on. NotFound, IllegalMove."""

        def work(connection: Connection) -> Ticket:
            merged = merge(connection, tenant, ticket_id, into, by, self._clock.now())
            if merged.entry is not None:
                self._chain.append(connection, [merged.entry])
            return merged.ticket

        return await self._engine.write("tickets.merge", work)
