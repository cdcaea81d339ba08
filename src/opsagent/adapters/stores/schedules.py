"""Schedules, and the claim on a firing that is due."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, delete, select, text, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.timetable_tables import schedules
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.event import AuditEntry
from opsagent.domain.schedule import Schedule
from opsagent.errors import ConflictError, InputError, NotFound
from opsagent.ports.clock import Clock, Ids

MOST = 1000  # schedules of a tenant
_DUE = text("due_at IS NOT NULL")  # word for word as in the index, or SQLite does not use it


class SqlSchedules:
    """ScheduleStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, ids: Ids, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids
        self._chain = chain

    async def put(self, schedule: Schedule, by: str, *, action: str = "schedule.put") -> Schedule:
        """Store it with an audit entry. ConflictError for one too many."""

        def work(connection: Connection) -> Schedule:
            now = self._clock.now()
            row = connection.execute(_one(schedule.tenant, schedule.name)).first()
            earlier = _load(row) if row else None
            if earlier is None:
                self._check_room(connection, schedule.tenant)
            stored = replace(
                schedule,
                id=earlier.id if earlier else schedule.id or self._ids.uuid(),
                version=earlier.version + 1 if earlier else 1,
                created_at=earlier.created_at if earlier else now,
                updated_at=now,
                made_by=by,
                queued_at=None,
                taken_at=None,
                last_at=earlier.last_at if earlier else None,
                last_run_id=earlier.last_run_id if earlier else "",
            )
            upsert(connection, schedules, [_row(stored)])
            self._chain.append(connection, [_entry(stored, by, now, action)])
            return stored

        return await self._engine.write("schedules.put", work)

    def _check_room(self, connection: Connection, tenant: str) -> None:
        names = connection.execute(select(schedules.c.name).where(schedules.c.tenant == tenant).limit(MOST)).all()
        if len(names) >= MOST:
            raise ConflictError(f"There are {MOST} schedules already.", fix="Remove one that is not needed.")

    async def get(self, tenant: str, name: str) -> Schedule:
        """By name. NotFound."""
        row = await self._engine.read(lambda connection: connection.execute(_one(tenant, name)).first())
        if row is None:
            raise _missing(name)
        return _load(row)

    async def list(self, tenant: str) -> Sequence[Schedule]:
        """All of a tenant by name."""
        query = select(schedules).where(schedules.c.tenant == tenant).order_by(schedules.c.name)
        return await self._engine.read(lambda connection: [_load(row) for row in connection.execute(query)])

    async def delete(self, tenant: str, name: str, by: str) -> None:
        """Remove it, with an audit entry. NotFound."""

        def work(connection: Connection) -> None:
            row = connection.execute(_one(tenant, name)).first()
            if row is None:
                raise _missing(name)
            connection.execute(delete(schedules).where(schedules.c.tenant == tenant, schedules.c.name == name))
            self._chain.append(connection, [_entry(_load(row), by, self._clock.now(), "schedule.removed")])

        await self._engine.write("schedules.delete", work)

    async def take(self, limit: int, lock_s: float) -> Sequence[Schedule]:
        """Claim those that are due and free, the longest due first."""

        def due(connection: Connection, now: float) -> builtins.list[Any]:
            query = (
                select(schedules)
                .where(_DUE, schedules.c.due_at <= now, schedules.c.lock_until <= now)
                .order_by(schedules.c.due_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            return builtins.list(connection.execute(query))

        def work(connection: Connection) -> builtins.list[Schedule]:
            now = self._clock.now()
            taken = []
            for row in due(connection, now):
                at = now if row.taken_at is None else row.taken_at
                connection.execute(
                    update(schedules)
                    .where(schedules.c.tenant == row.tenant, schedules.c.name == row.name)
                    .values(lock_until=now + lock_s, taken_at=at)
                )
                taken.append(replace(_load(row), taken_at=at))
            return taken

        # Looking first costs a read; a loop that finds nothing must not cost a commit each time.
        if not await self._engine.read(lambda connection: due(connection, self._clock.now())):
            return []
        return await self._engine.write("schedules.take", work)

    async def settle(self, before: Schedule, after: Schedule, audit: Sequence[AuditEntry] = ()) -> bool:
        """Store what was settled, if nobody else did nor changed it."""
        if (before.tenant, before.name) != (after.tenant, after.name) or {one.tenant for one in audit} - {after.tenant}:
            raise InputError("A schedule is settled as itself.", fix="Give the same schedule, and its own entries.")

        def work(connection: Connection) -> bool:
            done = connection.execute(
                update(schedules)
                .where(
                    schedules.c.tenant == before.tenant,
                    schedules.c.name == before.name,
                    schedules.c.id == before.id,
                    schedules.c.version == before.version,
                    schedules.c.due_at == before.due_at,
                )
                .values(**_moved(after), lock_until=0.0 if after.queued_at is None else schedules.c.lock_until)
                .returning(schedules.c.id)
            ).first()
            if done is not None:
                self._chain.append(connection, audit)
            return done is not None

        return await self._engine.write("schedules.settle", work)


def _one(tenant: str, name: str) -> Select[Any]:
    return select(schedules).where(schedules.c.tenant == tenant, schedules.c.name == name)


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no schedule {name}.", fix="List them: opsagent schedules list.")


def _load(row: Any) -> Schedule:
    return replace(
        decode(Schedule, row.body, name=row.name),
        next_at=row.next_at,
        queued_at=row.queued_at,
        taken_at=row.taken_at,
        last_at=row.last_at,
        last_run_id=row.last_run_id,
    )


def _moved(schedule: Schedule) -> dict[str, Any]:
    return {
        "due_at": schedule.due_at,
        "next_at": schedule.next_at,
        "queued_at": schedule.queued_at,
        "taken_at": schedule.taken_at,
        "last_at": schedule.last_at,
        "last_run_id": schedule.last_run_id,
    }


def _row(schedule: Schedule) -> dict[str, Any]:
    return {
        "tenant": schedule.tenant,
        "name": schedule.name,
        "id": schedule.id,
        "version": schedule.version,
        "lock_until": 0.0,
        "body": encode(schedule),
        **_moved(schedule),
    }


def _entry(schedule: Schedule, by: str, now: float, action: str) -> AuditEntry:
    timing = schedule.timing
    detail = {
        "schedule": schedule.name,
        "version": str(schedule.version),
        "when": timing.cron or f"every {timing.every_s} s",
        "timezone": timing.timezone,
        "runbook": schedule.runbook_id,
        "connection": schedule.connection,
        "enabled": "yes" if schedule.enabled else "no",
    }
    return AuditEntry(tenant=schedule.tenant, at=now, actor=by, action=action, detail=detail)
