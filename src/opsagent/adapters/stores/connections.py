"""Registered targets. A deleted one leaves its number behind, so that no approval fits a later one of that name."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import bindparam, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import connections
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.connection import BUILT_IN_SANDBOX, Connection
from opsagent.domain.event import AuditEntry
from opsagent.errors import InputError, NotFound
from opsagent.ports.clock import Clock, Ids

_LIST = select(connections.c.body).where(connections.c.tenant == bindparam("of"), connections.c.deleted_at.is_(None))


class SqlConnections:
    """ConnectionStore over SQL. The sandbox is built in: it is always there and nobody changes it."""

    def __init__(self, engine: Engine, clock: Clock, ids: Ids, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids
        self._chain = chain

    async def put(self, connection: Connection, by: str) -> Connection:
        """Store it with an audit entry; an existing name keeps its id and gets version + 1.

        A new one without an id is given one. InputError for the sandbox; ConflictError when another has the id.
        """
        _refuse_sandbox(connection.name)
        _refuse_sandbox(connection.id)

        def work(sql: SqlConnection) -> Connection:
            now = self._clock.now()
            row = _row(sql, connection.tenant, connection.name)
            stored = replace(
                connection,
                id=row.id if row else connection.id or self._ids.uuid(),
                version=row.version + 1 if row else 1,
                created_at=row.created_at if row and row.deleted_at is None else now,
                updated_at=now,
            )
            upsert(sql, connections, [_columns(stored)])
            self._chain.append(sql, [_entry(stored, by, now, "connection.put")])
            return stored

        return await self._engine.write("connections.put", work)

    async def get(self, tenant: str, name: str) -> Connection:
        """By name or id. NotFound."""
        return await self._engine.read(lambda sql: _find(sql, tenant, name))

    async def list(self, tenant: str) -> Sequence[Connection]:
        """All of a tenant by name, the built-in sandbox included."""

        def work(sql: SqlConnection) -> builtins.list[Connection]:
            return [decode(Connection, body) for body in sql.execute(_LIST, {"of": tenant}).scalars()]

        stored = await self._engine.read(work)
        return sorted([*stored, _sandbox(tenant)], key=lambda one: one.name)

    async def delete(self, tenant: str, name: str, by: str) -> None:
        """Remove it, with an audit entry. NotFound; InputError for the sandbox."""
        _refuse_sandbox(name)

        def work(sql: SqlConnection) -> None:
            now = self._clock.now()
            found = _find(sql, tenant, name)
            sql.execute(
                update(connections)
                .where(connections.c.tenant == tenant, connections.c.name == found.name)
                .values(deleted_at=now)
            )
            self._chain.append(sql, [_entry(found, by, now, "connection.delete")])

        await self._engine.write("connections.delete", work)


def _sandbox(tenant: str) -> Connection:
    return Connection(id=BUILT_IN_SANDBOX, tenant=tenant, name=BUILT_IN_SANDBOX)


def _refuse_sandbox(name: str) -> None:
    if name == BUILT_IN_SANDBOX:
        raise InputError("The sandbox is built in and stays as it is.", fix="Register a connection of another name.")


def _row(sql: SqlConnection, tenant: str, name: str) -> Any:
    return sql.execute(select(connections).where(connections.c.tenant == tenant, connections.c.name == name)).first()


def _find(sql: SqlConnection, tenant: str, name: str) -> Connection:
    if name == BUILT_IN_SANDBOX:
        return _sandbox(tenant)
    row = _row(sql, tenant, name)
    if row is None or row.deleted_at is not None:
        row = sql.execute(
            select(connections).where(
                connections.c.tenant == tenant, connections.c.id == name, connections.c.deleted_at.is_(None)
            )
        ).first()
    if row is None:
        raise NotFound(
            f"There is no connection {name}.", fix="List them with `opsagent connections list`, or register it."
        )
    return decode(Connection, row.body)


def _columns(connection: Connection) -> dict[str, Any]:
    return {
        "tenant": connection.tenant,
        "name": connection.name,
        "id": connection.id,
        "executor": connection.executor,
        "reach": connection.reach.value,
        "environment": connection.environment,
        "credential": connection.credential,
        "version": connection.version,
        "created_at": connection.created_at,
        "updated_at": connection.updated_at,
        "deleted_at": None,
        "body": encode(connection),
    }


def _entry(connection: Connection, by: str, now: float, action: str) -> AuditEntry:
    detail = {"connection": connection.name, "id": connection.id, "version": str(connection.version)}
    return AuditEntry(tenant=connection.tenant, at=now, actor=by, action=action, detail=detail)
