"""Which sources said when that they are alive."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.intake_tables import heartbeats
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.heartbeat import Heartbeat


class SqlHeartbeats:
    """HeartbeatStore over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def beat(self, tenant: str, source: str, at: float) -> None:
        """It said so at `at`; an earlier time changes nothing."""

        def work(connection: Connection) -> None:
            insert_new(connection, heartbeats, [{"tenant": tenant, "source": source, "last_at": at}])
            connection.execute(
                update(heartbeats)
                .where(heartbeats.c.tenant == tenant, heartbeats.c.source == source, heartbeats.c.last_at < at)
                .values(last_at=at)
            )

        await self._engine.write("heartbeats.beat", work)

    async def list(self) -> Sequence[Heartbeat]:
        """All of them, of every tenant."""
        query = select(heartbeats).order_by(heartbeats.c.tenant, heartbeats.c.source)

        def work(connection: Connection) -> builtins.list[Heartbeat]:
            return [Heartbeat(**row) for row in connection.execute(query).mappings()]

        return await self._engine.read(work)

    async def told(self, tenant: str, source: str, at: float | None) -> None:
        """Its silence was made a problem at that time, or is none any more."""
        statement = (
            update(heartbeats).where(heartbeats.c.tenant == tenant, heartbeats.c.source == source).values(told_at=at)
        )

        def work(connection: Connection) -> None:
            connection.execute(statement)

        await self._engine.write("heartbeats.told", work)
