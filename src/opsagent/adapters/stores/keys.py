"""API keys: only the hash of a secret is ever here."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import api_keys
from opsagent.domain.event import AuditEntry
from opsagent.domain.identity import ApiKey, PrincipalKind, Role
from opsagent.errors import NotFound
from opsagent.ports.clock import Clock


class SqlKeys:
    """KeyStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def put(self, key: ApiKey, by: str) -> None:
        """Store a new key, with an audit entry. ConflictError when its id or secret is there already."""

        def work(connection: Connection) -> None:
            connection.execute(insert(api_keys), asdict(key))
            detail = {"key": key.id, "name": key.name, "role": key.role.value, "kind": key.kind.value}
            entry = AuditEntry(tenant=key.tenant, at=self._clock.now(), actor=by, action="key.put", detail=detail)
            self._chain.append(connection, [entry])

        await self._engine.write("keys.put", work)

    async def find(self, secret_sha256: str) -> ApiKey | None:
        """The live key with that hash."""
        query = select(api_keys).where(api_keys.c.secret_sha256 == secret_sha256, api_keys.c.revoked_at.is_(None))
        row = await self._engine.read(lambda connection: connection.execute(query).first())
        return _load(row) if row else None

    async def list(self, tenant: str) -> Sequence[ApiKey]:
        """All of a tenant, revoked ones too, by creation."""
        query = select(api_keys).where(api_keys.c.tenant == tenant).order_by(api_keys.c.created_at, api_keys.c.id)

        def work(connection: Connection) -> builtins.list[ApiKey]:
            return [_load(row) for row in connection.execute(query)]

        return await self._engine.read(work)

    async def revoke(self, tenant: str, key_id: str, by: str) -> None:
        """End it now, with an audit entry; again changes nothing. NotFound."""

        def work(connection: Connection) -> None:
            now = self._clock.now()
            this = (api_keys.c.tenant == tenant, api_keys.c.id == key_id)
            ended = connection.execute(
                update(api_keys)
                .where(*this, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=now)
                .returning(api_keys.c.name)
            ).first()
            if ended is None:
                if connection.execute(select(api_keys.c.id).where(*this)).first() is None:
                    raise NotFound(f"There is no key {key_id}.", fix="List the keys: `opsagent keys list`.")
                return
            detail = {"key": key_id, "name": ended.name}
            entry = AuditEntry(tenant=tenant, at=now, actor=by, action="key.revoke", detail=detail)
            self._chain.append(connection, [entry])

        await self._engine.write("keys.revoke", work)


def _load(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id,
        tenant=row.tenant,
        role=Role(row.role),
        kind=PrincipalKind(row.kind),
        name=row.name,
        secret_sha256=row.secret_sha256,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
