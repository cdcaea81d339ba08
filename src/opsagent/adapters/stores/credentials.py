"""Registered credentials: the name and the kind in clear, the value encrypted or elsewhere."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import credentials
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.credential import Credential
from opsagent.domain.event import AuditEntry
from opsagent.errors import ConflictError, NotFound
from opsagent.ports.clock import Clock


class SqlCredentials:
    """CredentialStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine, self._clock, self._chain = engine, clock, chain

    async def put(self, credential: Credential, sealed: bytes | None, by: str) -> Credential:
        """Store it, with an audit entry that names no value. ConflictError."""

        def work(connection: Connection) -> Credential:
            now = self._clock.now()
            row = connection.execute(_this(credential.tenant, credential.name)).first()
            if credential.version != (row.version + 1 if row else 1):
                raise ConflictError(
                    f"The credential {credential.name} was changed meanwhile.", fix="Look at it, then try again."
                )
            stored = replace(credential, updated_at=now)
            upsert(connection, credentials, [{**_columns(stored), "sealed": sealed}])
            self._chain.append(connection, [_entry(stored, by, now, "credential.put")])
            return stored

        return await self._engine.write("credentials.put", work)

    async def get(self, tenant: str, name: str) -> Credential:
        """One credential. NotFound."""
        return (await self.sealed(tenant, name))[0]

    async def sealed(self, tenant: str, name: str) -> tuple[Credential, bytes | None]:
        """The credential with its encrypted value. NotFound."""
        row = await self._engine.read(lambda connection: connection.execute(_this(tenant, name)).first())
        if row is None:
            raise NotFound(f"There is no credential {name}.", fix="List them with: opsagent credentials list")
        return decode(Credential, row.body), row.sealed

    async def list(self, tenant: str) -> Sequence[Credential]:
        """All of a tenant by name."""
        query = select(credentials.c.body).where(credentials.c.tenant == tenant).order_by(credentials.c.name)

        def work(connection: Connection) -> builtins.list[Credential]:
            return [decode(Credential, body) for body in connection.execute(query).scalars()]

        return await self._engine.read(work)

    async def delete(self, tenant: str, name: str, by: str) -> None:
        """Remove it with its value. NotFound."""

        def work(connection: Connection) -> None:
            row = connection.execute(_this(tenant, name)).first()
            if row is None:
                raise NotFound(f"There is no credential {name}.", fix="List them with: opsagent credentials list")
            connection.execute(delete(credentials).where(credentials.c.tenant == tenant, credentials.c.name == name))
            gone = decode(Credential, row.body)
            self._chain.append(connection, [_entry(gone, by, self._clock.now(), "credential.delete")])

        await self._engine.write("credentials.delete", work)

    async def reseal(self, credential: Credential, sealed: bytes) -> bool:
        """The same value under another key."""

        def work(connection: Connection) -> bool:
            changed = connection.execute(
                update(credentials)
                .where(
                    credentials.c.tenant == credential.tenant,
                    credentials.c.name == credential.name,
                    credentials.c.version == credential.version,
                )
                .values(sealed=sealed)
                .returning(credentials.c.name)
            ).first()
            if changed is not None:
                entry = _entry(credential, "opsagent", self._clock.now(), "credential.resealed")
                self._chain.append(connection, [entry])
            return changed is not None

        return await self._engine.write("credentials.reseal", work)

    async def used(self, credential: Credential, at: float, by: str) -> None:
        """Note who used it last."""

        def work(connection: Connection) -> None:
            row = connection.execute(_this(credential.tenant, credential.name)).first()
            if row is not None and row.version == credential.version:
                noted = replace(decode(Credential, row.body), used_at=at, used_by=by)
                connection.execute(
                    update(credentials)
                    .where(credentials.c.tenant == noted.tenant, credentials.c.name == noted.name)
                    .values(body=encode(noted))
                )

        await self._engine.write("credentials.used", work)


def _this(tenant: str, name: str) -> Any:
    return select(credentials).where(credentials.c.tenant == tenant, credentials.c.name == name)


def _columns(credential: Credential) -> dict[str, Any]:
    return {
        "tenant": credential.tenant,
        "name": credential.name,
        "kind": credential.kind.value,
        "version": credential.version,
        "created_at": credential.created_at,
        "updated_at": credential.updated_at,
        "body": encode(credential),
    }


def _entry(credential: Credential, by: str, now: float, action: str) -> AuditEntry:
    detail = {
        "credential": credential.name,
        "kind": credential.kind.value,
        "keeper": credential.keeper.value,
        "version": str(credential.version),
    }
    return AuditEntry(tenant=credential.tenant, at=now, actor=by, action=action, detail=detail)
