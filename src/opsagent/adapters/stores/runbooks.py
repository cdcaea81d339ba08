"""Runbooks and all their versions."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.counters import count, grow
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.library_tables import runbook_versions, runbooks
from opsagent.adapters.stores.upsert import upsert
from opsagent.adapters.stores.use_rows import uses_of
from opsagent.domain.event import AuditEntry
from opsagent.domain.library import RunbookVersion, Uses
from opsagent.domain.runbook import Runbook
from opsagent.errors import NotFound, VersionMismatch
from opsagent.ports.clock import Clock

_REVISION, _POSITION = "runbooks.revision", "runbooks.position"
_LARGEST = 2**63 - 1  # what an INTEGER column holds


_LIST = (
    select(runbooks.c.body)
    .where(runbooks.c.tenant == bindparam("of"), runbooks.c.deleted_at.is_(None))
    .order_by(runbooks.c.position)
)
_VERSIONS = (
    select(runbook_versions)
    .where(runbook_versions.c.tenant == bindparam("of"), runbook_versions.c.id == bindparam("named"))
    .order_by(runbook_versions.c.revision.desc())
)


class SqlRunbooks:
    """RunbookStore over SQL. A number, once given to a runbook, is never another's: deleting one shifts none."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def put(self, runbook: Runbook, by: str, *, expected: str | None = None, note: str = "") -> Runbook:
        """Store a new version with an audit entry; the same content changes nothing. VersionMismatch."""

        def work(connection: Connection) -> Runbook:
            now = self._clock.now()
            row = _row(connection, runbook.tenant, runbook.id, lock=True)
            _refuse_stale(row, runbook.id, expected)
            if row is not None and row.deleted_at is None and row.version == runbook.version:
                return decode(Runbook, row.body)
            stored = _next(row, runbook, now, lambda: grow(connection, runbook.tenant, _POSITION))
            _store(connection, stored)
            _keep_version(connection, stored, by, note)
            detail = {"runbook": stored.id, "version": stored.version, "revision": str(stored.revision), "note": note}
            self._changed(connection, stored.tenant, by, "runbook.put", detail)
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

    async def versions(self, tenant: str, runbook_id: str) -> Sequence[RunbookVersion]:
        """The newest first. NotFound when there never was one of that name."""

        def work(connection: Connection) -> builtins.list[RunbookVersion]:
            found = _found_row(connection, tenant, runbook_id)
            if found is None:
                raise _no(runbook_id)
            rows = connection.execute(_VERSIONS, {"of": tenant, "named": found.id}).all()
            return [_version(row) for row in rows]

        return await self._engine.read(work)

    async def delete(self, tenant: str, runbook_id: str, by: str, *, expected: str | None = None) -> None:
        """Remove it, with an audit entry; its versions stay. NotFound, VersionMismatch."""

        def work(connection: Connection) -> None:
            found = _find(connection, tenant, runbook_id, "")
            row = _row(connection, tenant, found.id, lock=True)
            _refuse_stale(row, found.id, expected)
            connection.execute(
                update(runbooks)
                .where(runbooks.c.tenant == tenant, runbooks.c.id == found.id)
                .values(deleted_at=self._clock.now())
            )
            self._changed(connection, tenant, by, "runbook.delete", {"runbook": found.id})

        await self._engine.write("runbooks.delete", work)

    async def enable(self, tenant: str, runbook_id: str, by: str, *, on: bool) -> Runbook:
        """Let it be found and followed, or not; saying it again changes nothing. NotFound."""

        def work(connection: Connection) -> Runbook:
            found = _find(connection, tenant, runbook_id, "")
            row = _row(connection, tenant, found.id, lock=True)
            found = decode(Runbook, row.body)
            if found.enabled == on:
                return found
            changed = replace(found, enabled=on)
            _store(connection, changed)
            action = "runbook.enabled" if on else "runbook.disabled"
            self._changed(connection, tenant, by, action, {"runbook": found.id})
            return changed

        return await self._engine.write("runbooks.enable", work)

    async def revision(self, tenant: str) -> int:
        """A number that changes whenever a runbook of the tenant does."""
        return await self._engine.read(lambda connection: count(connection, tenant, _REVISION))

    async def uses(self, tenant: str) -> Sequence[Uses]:
        """How often each was followed and helped, by id."""
        return await self._engine.read(lambda connection: uses_of(connection, tenant))

    def _changed(self, connection: Connection, tenant: str, by: str, action: str, detail: Mapping[str, str]) -> None:
        grow(connection, tenant, _REVISION)
        entry = AuditEntry(tenant=tenant, at=self._clock.now(), actor=by, action=action, detail=dict(detail))
        self._chain.append(connection, [entry])


def _row(connection: Connection, tenant: str, runbook_id: str, *, lock: bool = False) -> Any:
    query = select(runbooks).where(runbooks.c.tenant == tenant, runbooks.c.id == runbook_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def _found_row(connection: Connection, tenant: str, wanted: str) -> Any:
    """By slug, else by number; deleted ones too."""
    row = _row(connection, tenant, wanted)
    if row is None and wanted.isascii() and wanted.isdigit() and int(wanted) <= _LARGEST:
        by_number = select(runbooks).where(runbooks.c.tenant == tenant, runbooks.c.position == int(wanted))
        return connection.execute(by_number).first()
    return row


def _next(row: Any, runbook: Runbook, now: float, new_position: Callable[[], int]) -> Runbook:
    """The version after the stored one. Whether it is enabled, and where it came from, stays as long as it is there."""
    if row is None:
        return replace(runbook, revision=1, position=new_position(), created_at=now, updated_at=now)
    stored = replace(
        runbook, revision=row.revision + 1, position=row.position, created_at=row.created_at, updated_at=now
    )
    if row.deleted_at is not None:
        return stored
    old = decode(Runbook, row.body)
    kept = old if not runbook.origin else runbook
    return replace(stored, enabled=old.enabled, origin=kept.origin, origin_version=kept.origin_version)


def _refuse_stale(row: Any, runbook_id: str, expected: str | None) -> None:
    present = row.version if row is not None and row.deleted_at is None else ""
    if expected is None or expected == present:
        return
    if not present:
        words = f"There is no runbook {runbook_id} any more; nothing was stored."
    elif not expected:
        words = f"There is a runbook {runbook_id} already; nothing was stored."
    else:
        words = f"Runbook {runbook_id} was changed meanwhile; nothing was stored."
    raise VersionMismatch(words, fix="Look at it as it is now, and decide again.", extra={"version": present})


def _find(connection: Connection, tenant: str, wanted: str, version: str) -> Runbook:
    row = _found_row(connection, tenant, wanted)
    if row is not None and row.deleted_at is None and version in {"", row.version}:
        return decode(Runbook, row.body)
    body = _older(connection, tenant, row.id, version) if row is not None and version else None
    if body is None:
        raise _no(f"{wanted} in version {version[:12]}" if version else wanted)
    return decode(Runbook, body)


def _no(wanted: str) -> NotFound:
    return NotFound(f"There is no runbook {wanted}.", fix="List the runbooks: `opsagent runbooks list`.")


def _older(connection: Connection, tenant: str, runbook_id: str, version: str) -> str | None:
    kept = runbook_versions.c
    return connection.execute(
        select(kept.body)
        .where(kept.tenant == tenant, kept.id == runbook_id, kept.version == version)
        .order_by(kept.revision.desc())
        .limit(1)
    ).scalar_one_or_none()


def _store(connection: Connection, runbook: Runbook) -> None:
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
        "body": encode(runbook),
    }
    upsert(connection, runbooks, [row])


def _keep_version(connection: Connection, runbook: Runbook, by: str, note: str) -> None:
    kept = {
        "tenant": runbook.tenant,
        "id": runbook.id,
        "revision": runbook.revision,
        "version": runbook.version,
        "stored_at": runbook.updated_at,
        "stored_by": by,
        "note": note,
        "body": encode(runbook),
    }
    connection.execute(insert(runbook_versions), kept)


def _version(row: Any) -> RunbookVersion:
    return RunbookVersion(
        revision=row.revision,
        version=row.version,
        title=decode(Runbook, row.body).title,
        at=row.stored_at,
        by=row.stored_by,
        note=row.note,
    )
