"""Deliveries that could not be read."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, select

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.intake_tables import quarantine
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.event import AuditEntry
from opsagent.domain.quarantine import MAX_KEPT, MAX_KEPT_BYTES, Quarantined
from opsagent.errors import NotFound
from opsagent.ports.clock import Clock

_log = logging.getLogger(__name__)
LISTED_BYTES = 512  # of each body in a list


class SqlQuarantine:
    """QuarantineStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def keep(self, delivery: Quarantined) -> Quarantined:
        """Store it, or count it up. Beyond MAX_KEPT and MAX_KEPT_BYTES the oldest of the tenant go: logged."""

        def work(connection: Connection) -> tuple[Quarantined, Sequence[str]]:
            known = connection.execute(
                select(quarantine.c.times).where(quarantine.c.tenant == delivery.tenant, quarantine.c.id == delivery.id)
            ).scalar()
            row = _row(delivery) | {"times": (known or 0) + 1}
            upsert(connection, quarantine, [row])
            gone = _beyond(connection, delivery.tenant)
            connection.execute(
                delete(quarantine).where(quarantine.c.tenant == delivery.tenant, quarantine.c.id.in_(gone))
            )
            return _load(row), gone

        kept, gone = await self._engine.write("quarantine.keep", work)
        if gone:
            _log.warning("The quarantine is full; its oldest deliveries were removed: %s", ", ".join(gone))
        return kept

    async def get(self, tenant: str, delivery_id: str) -> Quarantined:
        """One delivery. NotFound."""
        query = select(quarantine).where(quarantine.c.tenant == tenant, quarantine.c.id == delivery_id)

        def work(connection: Connection) -> Quarantined:
            row = connection.execute(query).mappings().first()
            if row is None:
                raise _absent(delivery_id)
            return _load(dict(row))

        return await self._engine.read(work)

    async def list(self, tenant: str, *, limit: int = 200) -> Sequence[Quarantined]:
        """The latest first; of each body its beginning."""
        columns = [column for column in quarantine.c if column.name != "raw"]
        query = (
            select(*columns, func.substr(quarantine.c.raw, 1, LISTED_BYTES).label("raw"))
            .where(quarantine.c.tenant == tenant)
            .order_by(quarantine.c.received_at.desc(), quarantine.c.id)
            .limit(limit)
        )

        def work(connection: Connection) -> builtins.list[Quarantined]:
            return [_load(dict(row)) for row in connection.execute(query).mappings()]

        return await self._engine.read(work)

    async def remove(self, tenant: str, delivery_id: str, by: str) -> None:
        """Forget it, with an audit entry. NotFound."""

        def work(connection: Connection) -> None:
            source = connection.execute(
                delete(quarantine)
                .where(quarantine.c.tenant == tenant, quarantine.c.id == delivery_id)
                .returning(quarantine.c.source)
            ).scalar()
            if source is None:
                raise _absent(delivery_id)
            entry = AuditEntry(
                tenant=tenant,
                at=self._clock.now(),
                actor=by,
                action="quarantine.remove",
                detail={"delivery": delivery_id, "source": source},
            )
            self._chain.append(connection, [entry])

        await self._engine.write("quarantine.remove", work)


def _beyond(connection: Connection, tenant: str) -> Sequence[str]:
    """Those that find no room beside the newer ones."""
    newest = (quarantine.c.received_at.desc(), quarantine.c.id)
    query = select(quarantine.c.id, func.length(quarantine.c.raw)).where(quarantine.c.tenant == tenant)
    gone, held = [], 0
    for place, (name, size) in enumerate(connection.execute(query.order_by(*newest))):
        held += size
        if place and (place >= MAX_KEPT or held > MAX_KEPT_BYTES):
            gone.append(name)
    return gone


def _absent(delivery_id: str) -> NotFound:
    return NotFound(f"There is no delivery {delivery_id} in quarantine.", fix="List them.")


def _row(delivery: Quarantined) -> dict[str, Any]:
    return {
        "tenant": delivery.tenant,
        "id": delivery.id,
        "source": delivery.source,
        "received_at": delivery.received_at,
        "size": delivery.size,
        "times": delivery.times,
        "why": delivery.why,
        "fix": delivery.fix,
        "pointer": delivery.pointer,
        "headers": orjson.dumps(dict(delivery.headers)).decode(),
        "raw": delivery.body,
    }


def _load(row: dict[str, Any]) -> Quarantined:
    raw, headers = row.pop("raw"), row.pop("headers")
    # SQLite's substr of an empty blob is NULL.
    return Quarantined(body=bytes(raw or b""), headers=orjson.loads(headers), **row)
