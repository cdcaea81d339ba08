"""Silences and the maintenance windows that make them again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, func, select, text, tuple_, update

from opsagent.adapters.stores import ticket_rows
from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import tickets
from opsagent.adapters.stores.timetable_tables import maintenance_windows as windows
from opsagent.adapters.stores.timetable_tables import silences
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.event import AuditEntry
from opsagent.domain.run import RETENTION_S
from opsagent.domain.silence import MaintenanceWindow, Silence
from opsagent.domain.ticket import Ticket
from opsagent.errors import ConflictError, InputError, NotFound
from opsagent.ports.clock import Clock, Ids

_HUSHED = text("silenced != ''")  # word for word as in the index, or SQLite does not use it
MOST = 500  # silences of a tenant that have not ended, and windows: each is tried on every signal


class SqlSilences:
    """SilenceStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, ids: Ids, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids
        self._chain = chain

    async def put(self, silence: Silence) -> None:
        """Store a silence, with an audit entry. InputError when it ends before it starts; ConflictError: too many."""
        if silence.ends_at <= silence.starts_at:
            raise InputError("The silence ends before it starts.", fix="Give an end after the start.")

        def work(connection: Connection) -> None:
            now = self._clock.now()
            mine = silences.c.tenant == silence.tenant
            connection.execute(delete(silences).where(mine, silences.c.ends_at <= now - RETENTION_S))
            _check_room(connection.execute(select(func.count()).where(mine, silences.c.ends_at > now)).scalar_one())
            row = {
                "tenant": silence.tenant,
                "id": silence.id,
                "starts_at": silence.starts_at,
                "ends_at": silence.ends_at,
                "body": encode(silence),
            }
            upsert(connection, silences, [row])
            detail = {
                "silence": silence.id,
                "matchers": ", ".join(map(str, silence.matchers)),
                "comment": silence.comment,
            }
            self._note(connection, silence.tenant, silence.by, "silence.set", detail)

        await self._engine.write("silences.put", work)

    async def list(self, tenant: str) -> Sequence[Silence]:
        """Those that have not ended, by their start."""
        query = (
            select(silences.c.body)
            .where(silences.c.tenant == tenant, silences.c.ends_at > self._clock.now())
            .order_by(silences.c.starts_at, silences.c.id)
        )
        return await self._engine.read(
            lambda connection: [decode(Silence, body) for body in connection.execute(query).scalars()]
        )

    async def expire(self, tenant: str, silence_id: str, by: str) -> None:
        """End one now. NotFound, also when it has ended."""

        def work(connection: Connection) -> None:
            now = self._clock.now()
            ended = connection.execute(
                update(silences)
                .where(silences.c.tenant == tenant, silences.c.id == silence_id, silences.c.ends_at > now)
                .values(ends_at=now)
                .returning(silences.c.id)
            ).first()
            if ended is None:
                raise NotFound(f"There is no silence {silence_id}.", fix="List them: opsagent silences list.")
            self._note(connection, tenant, by, "silence.expired", {"silence": silence_id})

        await self._engine.write("silences.expire", work)

    async def hushed(self, limit: int, *, after: tuple[str, str] = ("", "")) -> Sequence[Ticket]:
        """Open tickets that still fire and whose newest firing signal was silenced, of every tenant."""
        query = (
            select(*ticket_rows.LOADED)
            .where(
                _HUSHED,
                tuple_(tickets.c.tenant, tickets.c.id) > after,
                tickets.c.status.in_(ticket_rows.OPEN),
                tickets.c.firing.is_(True),
            )
            .order_by(tickets.c.tenant, tickets.c.id)
            .limit(limit)
        )
        return await self._engine.read(lambda connection: [ticket_rows.load(row) for row in connection.execute(query)])

    async def put_window(self, window: MaintenanceWindow, by: str) -> MaintenanceWindow:
        """Store a maintenance window with an audit entry. ConflictError for one too many."""

        def work(connection: Connection) -> MaintenanceWindow:
            now = self._clock.now()
            of_tenant = windows.c.tenant == window.tenant
            body = connection.execute(select(windows.c.body).where(of_tenant, windows.c.name == window.name)).scalar()
            earlier = decode(MaintenanceWindow, body) if body else None
            if earlier is None:
                _check_room(connection.execute(select(func.count()).where(of_tenant)).scalar_one())
            stored = replace(
                window,
                id=earlier.id if earlier else window.id or self._ids.uuid(),
                version=earlier.version + 1 if earlier else 1,
                created_at=earlier.created_at if earlier else now,
                updated_at=now,
                by=by,
            )
            row = {
                "tenant": stored.tenant,
                "name": stored.name,
                "id": stored.id,
                "version": stored.version,
                "body": encode(stored),
            }
            upsert(connection, windows, [row])
            self._note(connection, stored.tenant, by, "maintenance.put", _told(stored))
            return stored

        return await self._engine.write("silences.put_window", work)

    async def windows(self, tenant: str) -> Sequence[MaintenanceWindow]:
        """All of the tenant by name."""
        query = select(windows.c.body).where(windows.c.tenant == tenant).order_by(windows.c.name)
        return await self._engine.read(
            lambda connection: [decode(MaintenanceWindow, body) for body in connection.execute(query).scalars()]
        )

    async def delete_window(self, tenant: str, name: str, by: str) -> None:
        """Remove one, with an audit entry. NotFound."""

        def work(connection: Connection) -> None:
            gone = connection.execute(
                delete(windows).where(windows.c.tenant == tenant, windows.c.name == name).returning(windows.c.name)
            ).first()
            if gone is None:
                raise NotFound(f"There is no maintenance window {name}.", fix="List them: opsagent maintenance list.")
            self._note(connection, tenant, by, "maintenance.removed", {"window": name})

        await self._engine.write("silences.delete_window", work)

    def _note(self, connection: Connection, tenant: str, by: str, action: str, detail: Mapping[str, str]) -> None:
        entry = AuditEntry(tenant=tenant, at=self._clock.now(), actor=by, action=action, detail=detail)
        self._chain.append(connection, [entry])


def _check_room(found: int) -> None:
    if found >= MOST:
        raise ConflictError(f"There are {MOST} of them already.", fix="Remove one that is not needed.")


def _told(window: MaintenanceWindow) -> dict[str, str]:
    timing = window.timing
    return {
        "window": window.name,
        "version": str(window.version),
        "when": timing.cron or f"every {timing.every_s} s",
        "timezone": timing.timezone,
        "seconds": str(window.duration_s),
        "matchers": ", ".join(map(str, window.matchers)),
        "freeze": "yes" if window.freeze else "no",
        "enabled": "yes" if window.enabled else "no",
    }
