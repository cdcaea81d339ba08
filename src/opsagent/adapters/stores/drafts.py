"""Drafts of runbooks, by the run each was learned from."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.library_tables import drafts
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.draft import Draft, DraftStatus
from opsagent.domain.event import AuditEntry
from opsagent.errors import NotFound
from opsagent.ports.clock import Clock


class SqlDrafts:
    """DraftStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def put(self, draft: Draft) -> Draft:
        """Store it and return what is stored: the draft of a run that has one is left as it is."""
        row = {
            "tenant": draft.tenant,
            "run_id": draft.run_id,
            "status": draft.status.value,
            "created_at": draft.created_at,
            "body": encode(draft),
        }

        def work(connection: Connection) -> Draft:
            insert_new(connection, drafts, [row])
            return _get(connection, draft.tenant, draft.run_id)

        return await self._engine.write("drafts.put", work)

    async def get(self, tenant: str, run_id: str) -> Draft:
        """One. NotFound."""
        return await self._engine.read(lambda connection: _get(connection, tenant, run_id))

    async def list(self, tenant: str, *, status: DraftStatus | None = None, limit: int = 200) -> Sequence[Draft]:
        """The newest first."""
        query = select(drafts.c.body).where(drafts.c.tenant == tenant)
        if status is not None:
            query = query.where(drafts.c.status == status.value)
        query = query.order_by(drafts.c.created_at.desc(), drafts.c.run_id.desc()).limit(limit)

        def work(connection: Connection) -> builtins.list[Draft]:
            return [decode(Draft, body) for body in connection.execute(query).scalars()]

        return await self._engine.read(work)

    async def decide(self, tenant: str, run_id: str, status: DraftStatus, by: str, *, runbook_id: str = "") -> Draft:
        """Merged or dismissed, with an audit entry. NotFound, IllegalMove when it was decided."""

        def work(connection: Connection) -> Draft:
            now = self._clock.now()
            decided = _get(connection, tenant, run_id, lock=True).decide(status, by, now, runbook_id=runbook_id)
            connection.execute(
                update(drafts)
                .where(drafts.c.tenant == tenant, drafts.c.run_id == run_id)
                .values(status=status.value, body=encode(decided))
            )
            detail = {"runbook": decided.runbook_id}
            entry = AuditEntry(
                tenant=tenant, at=now, actor=by, action=f"draft.{status.value}", run_id=run_id, detail=detail
            )
            self._chain.append(connection, [entry])
            return decided

        return await self._engine.write("drafts.decide", work)

    async def delete(self, tenant: str, run_id: str, by: str) -> None:
        """Remove it, whatever became of it, with an audit entry. NotFound."""

        def work(connection: Connection) -> None:
            gone = _get(connection, tenant, run_id, lock=True)
            connection.execute(delete(drafts).where(drafts.c.tenant == tenant, drafts.c.run_id == run_id))
            detail = {"runbook": gone.runbook_id, "status": gone.status.value}
            entry = AuditEntry(
                tenant=tenant, at=self._clock.now(), actor=by, action="draft.deleted", run_id=run_id, detail=detail
            )
            self._chain.append(connection, [entry])

        await self._engine.write("drafts.delete", work)


def _get(connection: Connection, tenant: str, run_id: str, *, lock: bool = False) -> Draft:
    query = select(drafts.c.body).where(drafts.c.tenant == tenant, drafts.c.run_id == run_id)
    body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if body is None:
        raise NotFound(f"There is no draft of run {run_id}.", fix="List the drafts: `opsagent runbooks drafts`.")
    return decode(Draft, body)
