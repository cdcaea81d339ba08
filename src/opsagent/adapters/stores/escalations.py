"""Escalations, moved together with the notices they make."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.escalation_cases import case_of, waiting
from opsagent.adapters.stores.escalation_tables import escalations
from opsagent.adapters.stores.notices import named, put_notices
from opsagent.adapters.stores.paging import newest_first, page_of
from opsagent.adapters.stores.timeline import reserve, write_events_if_possible
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.escalation import Case, Escalation
from opsagent.domain.escalation_policy import Occasion
from opsagent.domain.event import AuditEntry, EventType, RunEvent
from opsagent.domain.notice import Notice
from opsagent.domain.page import Page
from opsagent.domain.run import Run
from opsagent.errors import InputError, NotFound
from opsagent.ports.clock import Clock
from opsagent.ports.escalations import Following, Waiting, no_notices


class SqlEscalations:
    """EscalationStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def waiting(self, occasion: Occasion, limit: int, *, after: tuple[str, str] = ("", "")) -> Sequence[Waiting]:
        """Cases with no escalation, of every tenant."""
        now = self._clock.now()
        return await self._engine.read(lambda connection: waiting(connection, occasion, now, limit, after))

    async def begin(self, escalations: Sequence[Escalation]) -> None:
        """Store new ones; one whose id is there is left as it is."""
        rows = [_row(one) for one in escalations]
        if rows:
            await self._engine.write("escalations.begin", lambda connection: _insert(connection, rows))

    async def open(
        self, limit: int, *, after: tuple[str, str] = ("", ""), due_by: float | None = None
    ) -> Sequence[tuple[Escalation, Case]]:
        """Those that have not ended, of every tenant."""
        query = select(escalations.c.body).where(
            escalations.c.ended_at.is_(None), tuple_(escalations.c.tenant, escalations.c.id) > after
        )
        if due_by is not None:
            query = query.where(escalations.c.next_at.is_not(None), escalations.c.next_at <= due_by)
        query = query.order_by(escalations.c.tenant, escalations.c.id).limit(limit)

        def work(connection: Connection) -> builtins.list[tuple[Escalation, Case]]:
            found = [decode(Escalation, body) for body in connection.execute(query).scalars().all()]
            return [(one, _case(connection, one)) for one in found]

        return await self._engine.read(work)

    async def move(
        self, before: Escalation, after: Escalation, notices: Sequence[Notice] = (), events: Sequence[RunEvent] = ()
    ) -> bool:
        """Store what follows, if nobody else did and, where people are told, the case is not over."""
        tenants = {after.tenant} | {one.tenant for one in notices} | {one.tenant for one in events}
        if tenants != {before.tenant} or after.id != before.id:
            raise InputError("An escalation is moved as itself.", fix="Give the same one, and its own notices.")

        def work(connection: Connection) -> bool:
            now = self._clock.now()
            if notices and _case(connection, before).over(now) is not None:
                return False
            moved = _replace(connection, before, after)
            if moved:
                put_notices(connection, notices)
                _tell(connection, events, now)
            return moved

        return await self._engine.write("escalations.move", work)

    async def acknowledge(
        self, tenant: str, escalation_id: str, by: str, *, following: Following = no_notices
    ) -> Escalation:
        """A person is looking, and what people were told says so. NotFound, IllegalMove."""

        def work(connection: Connection) -> Escalation:
            now = self._clock.now()
            before = _fetch(connection, tenant, escalation_id, lock=True)
            after = before.acknowledge(by, now)
            if after is before:
                return before
            _replace(connection, before, after)
            detail = {"escalation": after.id, "policy": after.policy, "occasion": after.occasion.value}
            detail |= {"subject": after.subject, "ticket": after.ticket_id}
            entry = AuditEntry(
                tenant=tenant, at=now, actor=by, action="escalation.acknowledged", run_id=after.run_id, detail=detail
            )
            self._chain.append(connection, [entry])
            case = _case(connection, after)
            if case.run is not None:
                _tell(connection, [_line(after, case.run, by)], now)
            put_notices(connection, following(after, case, named(connection, tenant, after.tellings)))
            return after

        return await self._engine.write("escalations.acknowledge", work)

    async def get(self, tenant: str, escalation_id: str) -> tuple[Escalation, Case]:
        """One, with its case as it is now. NotFound."""

        def work(connection: Connection) -> tuple[Escalation, Case]:
            found = _fetch(connection, tenant, escalation_id)
            return found, _case(connection, found)

        return await self._engine.read(work)

    async def list(self, tenant: str, *, limit: int = 50, cursor: str = "") -> Page[Escalation]:
        """Newest first. InputError for a bad cursor."""
        query = select(escalations.c.id, escalations.c.created_at, escalations.c.body).where(
            escalations.c.tenant == tenant
        )
        query = newest_first(query, escalations.c.created_at, escalations.c.id, limit=limit, cursor=cursor)
        return await self._engine.read(lambda connection: page_of(connection.execute(query).all(), limit, _load))


def _load(row: Any) -> Escalation:
    return decode(Escalation, row.body)


def _fetch(connection: Connection, tenant: str, escalation_id: str, *, lock: bool = False) -> Escalation:
    query = select(escalations.c.body).where(escalations.c.tenant == tenant, escalations.c.id == escalation_id)
    body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if body is None:
        raise NotFound(f"There is no escalation {escalation_id}.", fix="List them: opsagent escalations list.")
    return decode(Escalation, body)


def _case(connection: Connection, one: Escalation) -> Case:
    return case_of(connection, one.occasion, one.tenant, one.subject)


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_new(connection, escalations, rows)


def _replace(connection: Connection, before: Escalation, after: Escalation) -> bool:
    """Overwrite `before` if it is what is stored."""
    done = connection.execute(
        update(escalations)
        .where(
            escalations.c.tenant == before.tenant,
            escalations.c.id == before.id,
            escalations.c.version == before.version,
        )
        .values(_row(after))
        .returning(escalations.c.id)
    )
    return done.first() is not None


def _tell(connection: Connection, events: Sequence[RunEvent], now: float) -> None:
    """Lines of a run's timeline, which may have been deleted meanwhile."""
    if not events:
        return
    try:
        first = reserve(connection, events[0].tenant, events[0].run_id, len(events))
    except NotFound:
        return
    write_events_if_possible(connection, events, first, now)


def _line(after: Escalation, run: Run, by: str) -> RunEvent:
    return RunEvent(
        run_id=run.id,
        tenant=after.tenant,
        type=EventType.NOTIFICATION,
        node=run.next_node.value,
        content=f"{by} is looking: nobody else is told ({after.policy}). It approves nothing.",
        metadata={"escalation": after.id, "acknowledgedBy": by},
    )


def _row(one: Escalation) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "id": one.id,
        "occasion": one.occasion.value,
        "subject": one.subject,
        "policy": one.policy,
        "recurrences": one.recurrences,
        "created_at": one.began_at,
        "next_at": one.next_at,
        "ended_at": one.ended_at,
        "ended": one.ended.value if one.ended is not None else "",
        "version": one.version,
        "body": encode(one),
    }
