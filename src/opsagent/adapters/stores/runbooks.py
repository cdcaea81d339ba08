"""Runbooks and all their versions."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.counters import count, grow
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import runbook_versions, runbooks
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.event import AuditEntry
from opsagent.domain.runbook import Runbook
from opsagent.errors import NotFound
from opsagent.ports.clock import Clock

_REVISION, _POSITION = "runbooks.revision", "runbooks.position"
_LARGEST = 2**63 - 1  # what an INTEGER column holds


_LIST = (
    select(runbooks.c.body)
    .where(runbooks.c.tenant == bindparam("of"), runbooks.c.deleted_at.is_(None))
    .order_by(runbooks.c.position)
)


class SqlRunbooks:
    """RunbookStore over SQL. A number, once given to a runbook, is never another's: deleting one shifts none."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def put(self, runbook: Runbook, by: str) -> Runbook:
        """Store a new version with an audit entry; the same content changes nothing."""

        def work(connection: Connection) -> Runbook:
            now = self._clock.now()
            row = _row(connection, runbook.tenant, runbook.id)
            if row is not None and row.deleted_at is None and row.version == runbook.version:
                return decode(Runbook, row.body)
            stored = replace(
                runbook,
                revision=row.revision + 1 if row else 1,
                position=row.position if row else grow(connection, runbook.tenant, _POSITION),
                created_at=row.created_at if row else now,
                updated_at=now,
            )
            _store(connection, stored, by)
            grow(connection, runbook.tenant, _REVISION)
            detail = {"runbook": stored.id, "version": stored.version, "revision": str(stored.revision)}
            entry = AuditEntry(tenant=stored.tenant, at=now, actor=by, action="runbook.put", detail=detail)
            self._chain.append(connection, [entry])
            return stored

        return await self._engine.write("runbooks.put", work)

    async def get(self, tenant: str, runbook_id: str, *, version: str = "") -> Runbook:
        """By slug, or by its number; an older `version` by its hash, of a deleted one too. NotFound."""
        return await self._engine.read(lambda connection: _find(connection, tenant, runbook_id, version))

    async def list(self, tenant: str) -> Sequence[Runbook]:
        """All, by creation."""

        def work(connection: Connection) -> builtins.list[Runbook]:
            return [decode(Runbook, body) for body in connection.execute(_LIST, {"of": tenant}).scalars()]

        return await self._engine.read(work)

    async def delete(self, tenant: str, runbook_id: str, by: str) -> None:
        """Remove it, with an audit entry; its versions stay. NotFound."""

        def work(connection: Connection) -> None:
            now = self._clock.now()
            found = _find(connection, tenant, runbook_id, "")
            connection.execute(
                update(runbooks).where(runbooks.c.tenant == tenant, runbooks.c.id == found.id).values(deleted_at=now)
            )
            grow(connection, tenant, _REVISION)
            detail = {"runbook": found.id}
            entry = AuditEntry(tenant=tenant, at=now, actor=by, action="runbook.delete", detail=detail)
            self._chain.append(connection, [entry])

        await self._engine.write("runbooks.delete", work)

    async def revision(self, tenant: str) -> int:
        """A number that changes whenever a runbook of the tenant does."""
        return await self._engine.read(lambda connection: count(connection, tenant, _REVISION))


def _row(connection: Connection, tenant: str, runbook_id: str) -> Any:
    return connection.execute(select(runbooks).where(runbooks.c.tenant == tenant, runbooks.c.id == runbook_id)).first()


def _find(connection: Connection, tenant: str, wanted: str, version: str) -> Runbook:
    row = _row(connection, tenant, wanted)
    if row is None and wanted.isascii() and wanted.isdigit() and int(wanted) <= _LARGEST:
        row = connection.execute(
            select(runbooks).where(runbooks.c.tenant == tenant, runbooks.c.position == int(wanted))
        ).first()
    if row is not None and row.deleted_at is None and version in {"", row.version}:
        return decode(Runbook, row.body)
    body = _older(connection, tenant, row.id, version) if row is not None and version else None
    if body is None:
        of = f" in version {version[:12]}" if version else ""
        raise NotFound(f"There is no runbook {wanted}{of}.", fix="List the runbooks: `opsagent runbooks list`.")
    return decode(Runbook, body)


def _older(connection: Connection, tenant: str, runbook_id: str, version: str) -> str | None:
    kept = runbook_versions.c
    return connection.execute(
        select(kept.body)
        .where(kept.tenant == tenant, kept.id == runbook_id, kept.version == version)
        .order_by(kept.revision.desc())
        .limit(1)
    ).scalar_one_or_none()


def _store(connection: Connection, runbook: Runbook, by: str) -> None:
    body = encode(runbook)
    row = {
        "tenant": runbook.tenant,
        "id": runbook.id,
        "title": runbook.title,
        "version": runbook.version,
        "revision": runbook.revision,
        "position": runbook.position,
        "created_at": runbook.created_at,
        "updated_at": runbook.updated_at,
        "deleted_at": None,
        "body": body,
    }
    upsert(connection, runbooks, [row])
    kept = {
        "tenant": runbook.tenant,
        "id": runbook.id,
        "revision": runbook.revision,
        "version": runbook.version,
        "stored_at": runbook.updated_at,
        "stored_by": by,
        "body": body,
    }
    connection.execute(insert(runbook_versions), kept)
