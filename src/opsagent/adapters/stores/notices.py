"""The outbox: what is to be told to whom, and whether it was."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, text, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.paging import newest_first, page_of
from opsagent.adapters.stores.tables import notices
from opsagent.adapters.stores.timeline import append_if_possible
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.event import AuditEntry, RunEvent
from opsagent.domain.notice import Lane, Notice, NoticeStatus, Slots
from opsagent.domain.page import Page
from opsagent.errors import IllegalMove, NotFound, OpsAgentError
from opsagent.ports.clock import Clock

_TO_SEND = text("status IN ('pending', 'sending')")  # word for word as in the index, or SQLite does not use it


class SqlNotices:
    """NoticeStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def take(self, slots: Slots, lock_s: float, *, sending: Sequence[Notice] = ()) -> Sequence[Notice]:
        """Claim due notices, urgent and oldest due first; one that was sending before may reach its reader twice."""

        def work(connection: Connection) -> builtins.list[Notice]:
            now, taken = self._clock.now(), list[Notice]()
            while (notice := _due(connection, now, slots, (*sending, *taken))) is not None:
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
        if await self._engine.read(lambda connection: _due(connection, self._clock.now(), slots, sending)) is None:
            return []
        return await self._engine.write("notices.take", work)

    async def mark(self, before: Notice, after: Notice, *, events: Sequence[RunEvent] = ()) -> Sequence[RunEvent]:
        """Store what became of the claim `before`, and what the timeline says of it. NotFound, IllegalMove."""

        def work(connection: Connection) -> Sequence[RunEvent]:
            if not _settle(connection, before, after):
                raise _lost(connection, before)
            return append_if_possible(connection, events, self._clock.now())

        return await self._engine.write("notices.mark", work)

    async def get(self, tenant: str, notice_id: str) -> Notice:
        """One notice. NotFound."""
        query = select(notices.c.body).where(notices.c.tenant == tenant, notices.c.id == notice_id)
        body = await self._engine.read(lambda connection: connection.execute(query).scalar())
        if body is None:
            raise _missing(notice_id)
        return decode(Notice, body)

    async def list(
        self,
        tenant: str,
        *,
        status: NoticeStatus | None = None,
        run_id: str = "",
        channel: str = "",
        limit: int = 100,
        cursor: str = "",
    ) -> Page[Notice]:
        """Newest first. InputError for a bad cursor."""
        query = select(notices.c.id, notices.c.created_at, notices.c.body).where(notices.c.tenant == tenant)
        if status is not None:
            query = query.where(notices.c.status == status.value)
        if run_id:
            query = query.where(notices.c.run_id == run_id)
        if channel:
            query = query.where(notices.c.channel == channel)
        query = newest_first(query, notices.c.created_at, notices.c.id, limit=limit, cursor=cursor)
        return await self._engine.read(lambda connection: page_of(connection.execute(query).all(), limit, _load))

    async def add(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Put notices there; one whose id exists is left as it is. Returns those that are new."""
        wanted = tuple(notices)

        def work(connection: Connection) -> Sequence[Notice]:
            known = _known(connection, wanted)
            new = [one for one in wanted if (one.tenant, one.id) not in known]
            put_notices(connection, new)
            return new

        return await self._engine.write("notices.add", work)

    async def resend(self, tenant: str, notice_id: str, by: str) -> Notice:
        """A delivered or dead one is pending again, with an audit entry. NotFound, IllegalMove."""

        def work(connection: Connection) -> Notice:
            mine = (notices.c.tenant == tenant, notices.c.id == notice_id)
            body = connection.execute(select(notices.c.body).where(*mine).with_for_update()).scalar()
            if body is None:
                raise _missing(notice_id)
            now, earlier = self._clock.now(), decode(Notice, body)
            notice = earlier.again(now)
            _store(connection, notice)
            about = {"notice": notice.id, "channel": notice.channel, "was": earlier.status.value}
            entry = AuditEntry(
                tenant=tenant, at=now, actor=by, action="notice.resent", run_id=notice.run_id, detail=about
            )
            self._chain.append(connection, [entry])
            return notice

        return await self._engine.write("notices.resend", work)


def named(connection: Connection, tenant: str, beginning: str) -> Sequence[Notice]:
    """The notices whose ids begin so, oldest first. A key-range read."""
    past = f"{beginning}\U0010ffff"
    query = (
        select(notices.c.body)
        .where(notices.c.tenant == tenant, notices.c.id >= beginning, notices.c.id < past)
        .order_by(notices.c.created_at, notices.c.id)
    )
    return [decode(Notice, body) for body in connection.execute(query).scalars()]


def put_notices(connection: Connection, added: Sequence[Notice]) -> None:
    """Insert the notices that are not there yet."""
    if added:
        insert_new(connection, notices, [_row(notice) for notice in added])


def _due(connection: Connection, now: float, slots: Slots, sending: Sequence[Notice]) -> Notice | None:
    """The next one there is a slot for."""
    for lane in Lane:
        full = slots.full(sending, lane)
        if full is None:
            continue
        query = select(notices.c.body).where(_TO_SEND, notices.c.lane == lane.value, notices.c.due_at <= now)
        if full.places:
            query = query.where(notices.c.place.not_in(sorted(full.places)))
        if full.tenants:
            query = query.where(notices.c.tenant.not_in(sorted(full.tenants)))
        query = query.order_by(notices.c.due_at).limit(1).with_for_update(skip_locked=True)
        body = connection.execute(query).scalar()
        if body is not None:
            return decode(Notice, body)
    return None


def let_go(connection: Connection, now: float) -> None:
    """Whoever was sending is gone: what it had in its hands is due now, and may reach its reader twice."""
    sending = select(notices.c.body).where(_TO_SEND, notices.c.status == NoticeStatus.SENDING.value)
    for body in connection.execute(sending).scalars().all():
        _store(connection, replace(decode(Notice, body), status=NoticeStatus.PENDING, due_at=now, possible_repeat=True))


def _known(connection: Connection, wanted: Sequence[Notice]) -> set[tuple[str, str]]:
    if not wanted:
        return set()
    ids = [one.id for one in wanted]
    rows = connection.execute(select(notices.c.tenant, notices.c.id).where(notices.c.id.in_(ids)))
    return {(row.tenant, row.id) for row in rows}


def _missing(notice_id: str) -> NotFound:
    return NotFound(f"There is no notice {notice_id}.", fix="It may have been deleted with its run.")


def _load(row: Any) -> Notice:
    return decode(Notice, row.body)


def _store(connection: Connection, notice: Notice) -> None:
    connection.execute(
        update(notices).where(notices.c.tenant == notice.tenant, notices.c.id == notice.id).values(_row(notice))
    )


def _settle(connection: Connection, before: Notice, after: Notice) -> bool:
    """Overwrite the claim if nobody has taken it since: its due time is its name, for each claim has a later one."""
    found = connection.execute(
        update(notices)
        .where(
            notices.c.tenant == before.tenant,
            notices.c.id == before.id,
            notices.c.status == NoticeStatus.SENDING.value,
            notices.c.due_at == before.due_at,
        )
        .values(_row(replace(after, tenant=before.tenant, id=before.id)))
        .returning(notices.c.id)
    )
    return found.first() is not None


def _lost(connection: Connection, before: Notice) -> OpsAgentError:
    mine = (notices.c.tenant == before.tenant, notices.c.id == before.id)
    if connection.execute(select(notices.c.id).where(*mine)).first() is None:
        return _missing(before.id)
    return IllegalMove(
        f"Notice {before.id} is no longer held by this sender: its time was up, and another took it.",
        fix="What the other says of it stands. Where this happens often, this machine is too busy or was suspended.",
    )


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
        "lane": notice.lane.value,
        "place": notice.place,
    }
