"""Opening, closing and cleaning a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection, bindparam, delete, select, update

from opsagent.adapters.stores.conversations import forget_conversations
from opsagent.adapters.stores.counters import grow
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.escalation_ends import forget
from opsagent.adapters.stores.notices import let_go
from opsagent.adapters.stores.run_texts import forget_words
from opsagent.adapters.stores.sessions import forget_sessions
from opsagent.adapters.stores.spending_tables import spending
from opsagent.adapters.stores.tables import (
    approvals,
    effects,
    events,
    idempotency_keys,
    notices,
    runs,
    steps,
    target_locks,
)
from opsagent.errors import StoreUnavailable
from opsagent.ports.clock import Clock

_BATCH = 200  # runs deleted in one transaction: other writers wait some 20 ms for it, not for all of them
_OF_A_RUN = (events, approvals, effects, idempotency_keys, notices, steps, spending)


class SqlHousekeeping:
    """Housekeeping over SQL. `nobody_else` tells whether nobody else works on this store, and keeps it so meanwhile."""

    def __init__(
        self, engine: Engine, clock: Clock, *, nobody_else: Callable[[], AbstractContextManager[bool]]
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._nobody_else = nobody_else

    async def open(self) -> None:
        """Make it usable: migrations under a lock. StoreUnavailable, FolderInUse.

        Whoever is alone with the store need not wait for what a killed process held: it ends the leases of runs and the
        locks of notices. While another process has it open they end by their time, for it may be at work on them.
        """
        await self._engine.open()
        with self._nobody_else() as alone:
            if alone:
                await self._engine.write(
                    "housekeeping.take_over", lambda connection: _take_over(connection, self._clock.now())
                )

    async def expire(self) -> Sequence[str]:
        """Delete ended runs past their ttl with everything of theirs but the audit record; returns their ids.

        Escalations that ended long ago go too, conversations nobody has added to for as long, sessions at their end.
        """
        deleted: list[str] = []
        while some := await self._engine.write(
            "housekeeping.expire", lambda connection: _expire(connection, self._clock.now())
        ):
            deleted += some
        while await self._engine.write("housekeeping.forget", lambda connection: forget(connection, self._clock.now())):
            continue
        while await self._engine.write(
            "housekeeping.forget_conversations", lambda connection: forget_conversations(connection, self._clock.now())
        ):
            continue
        while await self._engine.write(
            "housekeeping.forget_sessions", lambda connection: forget_sessions(connection, self._clock.now())
        ):
            continue
        return deleted

    async def check(self) -> str:
        """Empty when it can write (it does), else what is wrong and what to do, in words."""

        def work(connection: Connection) -> None:
            grow(connection, "*", "housekeeping.checks")

        try:
            await self._engine.write("housekeeping.check", work)
        except StoreUnavailable as error:
            return f"{error.message} {error.fix}"
        return ""

    async def close(self) -> None:
        """Finish what was begun and let go."""
        await self._engine.close()


def _take_over(connection: Connection, now: float) -> None:
    connection.execute(
        update(runs).where(runs.c.lease_until.is_not(None)).values(lease_until=0.0, fence=runs.c.fence + 1)
    )
    let_go(connection, now)


def _expire(connection: Connection, now: float) -> list[str]:
    past = connection.execute(
        select(runs.c.tenant, runs.c.id, runs.c.created_at)
        .where(runs.c.ttl.is_not(None), runs.c.ttl <= now)
        .limit(_BATCH)
    ).all()
    if not past:
        return []
    which = [{"of": tenant, "run": run, "at": at} for tenant, run, at in past]
    held_by = select(steps.c.id).where(steps.c.tenant == bindparam("of"), steps.c.run_id == bindparam("run"))
    connection.execute(
        delete(target_locks).where(target_locks.c.tenant == bindparam("of"), target_locks.c.step_id.in_(held_by)),
        which,
    )
    for table in _OF_A_RUN:
        connection.execute(
            delete(table).where(table.c.tenant == bindparam("of"), table.c.run_id == bindparam("run")), which
        )
    forget_words(connection, which)
    connection.execute(delete(runs).where(runs.c.tenant == bindparam("of"), runs.c.id == bindparam("run")), which)
    return [run for _, run, _ in past]
