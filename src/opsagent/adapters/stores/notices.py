"""The outbox: what is to be told to whom, and whether it was."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, text, update

from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import notices
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.notice import Notice, NoticeStatus
from opsagent.errors import NotFound
from opsagent.ports.clock import Clock

_TO_SEND = text("status IN ('pending', 'sending')")  # word for word as in the index, or SQLite does not use it


class SqlNotices:
    """NoticeStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def take(self, limit: int, lock_s: float) -> Sequence[Notice]:
        """Claim due notices, oldest due first; one that was sending before may reach its reader twice."""

        def due(connection: Connection, now: float) -> builtins.list[str]:
            query = (
                select(notices.c.body)
                .where(_TO_SEND, notices.c.due_at <= now)
                .order_by(notices.c.due_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            return builtins.list(connection.execute(query).scalars())

        def work(connection: Connection) -> builtins.list[Notice]:
            now = self._clock.now()
            taken = []
            for body in due(connection, now):
                notice = decode(Notice, body)
                claimed = replace(
                    notice,
                    status=NoticeStatus.SENDING,
                    due_at=now + lock_s,
                    possible_repeat=notice.possible_repeat or notice.status is NoticeStatus.SENDING,
                )
                _store(connection, claimed)
                taken.append(claimed)
            return taken

        # Looking first costs a read; a sender that sweeps an empty outbox must not cost a commit each time.
        if not await self._engine.read(lambda connection: due(connection, self._clock.now())):
            return []
        return await self._engine.write("notices.take", work)

    async def mark(self, notice: Notice) -> None:
        """Store its new status, attempts, due time and last error. NotFound."""

        def work(connection: Connection) -> None:
            if not _store(connection, notice):
                raise NotFound(f"There is no notice {notice.id}.", fix="It was deleted with its run.")

        await self._engine.write("notices.mark", work)

    async def list(self, tenant: str, *, limit: int = 100) -> Sequence[Notice]:
        """Newest first."""
        query = (
            select(notices.c.body)
            .where(notices.c.tenant == tenant)
            .order_by(notices.c.created_at.desc(), notices.c.id.desc())
            .limit(limit)
        )

        def work(connection: Connection) -> builtins.list[Notice]:
            return [decode(Notice, body) for body in connection.execute(query).scalars()]

        return await self._engine.read(work)

    async def add(self, notices: Sequence[Notice]) -> None:
        """Put notices there; one whose id exists is left as it is."""
        added = tuple(notices)
        await self._engine.write("notices.add", lambda connection: put_notices(connection, added))


def put_notices(connection: Connection, added: Sequence[Notice]) -> None:
    """Insert the notices that are not there yet."""
    if added:
        insert_new(connection, notices, [_row(notice) for notice in added])


def _store(connection: Connection, notice: Notice) -> bool:
    found = connection.execute(
        update(notices)
        .where(notices.c.tenant == notice.tenant, notices.c.id == notice.id)
        .values(_row(notice))
        .returning(notices.c.id)
    )
    return found.first() is not None


def _row(notice: Notice) -> dict[str, Any]:
    return {
        "tenant": notice.tenant,
        "id": notice.id,
        "run_id": notice.run_id,
        "channel": notice.channel,
        "status": notice.status.value,
        "attempts": notice.attempts,
        "due_at": notice.due_at,
        "created_at": notice.created_at,
        "body": encode(notice),
    }
