"""The append-only record of who did what."""

from __future__ import annotations

import builtins
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import audit
from opsagent.domain.event import AuditEntry


class SqlAudit:
    """AuditStore over SQL."""

    def __init__(self, engine: Engine, chain: Chain) -> None:
        self._engine = engine
        self._chain = chain

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Number, chain and store. StoreUnavailable; then the thing it records must not happen."""
        await self._engine.write("audit.append", lambda connection: self._chain.append(connection, entries))

    async def list(self, tenant: str, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """In order, from the entry behind number `after`."""
        query = (
            select(audit)
            .where(audit.c.tenant == tenant, audit.c.sequence > after)
            .order_by(audit.c.sequence)
            .limit(limit)
        )

        def work(connection: Connection) -> builtins.list[AuditEntry]:
            return [_load(row) for row in connection.execute(query)]

        return await self._engine.read(work)


def _load(row: Any) -> AuditEntry:
    return AuditEntry(**{**row._mapping, "detail": json.loads(row.detail)})  # noqa: SLF001 - SQLAlchemy's public way
