"""Runs and their leases; what a worker writes goes through `changes.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.changes import ChangeWriter
from opsagent.adapters.stores.due_rows import FREE, due_runs
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.paging import newest_first, page_of
from opsagent.adapters.stores.run_rows import LOADED, OF_RUN, OPEN, fetch, load, new_row, of_run
from opsagent.adapters.stores.run_texts import holds, note_words
from opsagent.adapters.stores.tables import idempotency_keys, runs
from opsagent.adapters.stores.timeline import write_events_if_possible
from opsagent.domain.event import AuditEntry, RunEvent
from opsagent.domain.page import Page
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.errors import ConflictError, IdempotencyMismatch, IllegalMove, InputError, LeaseLost
from opsagent.ports.clock import Clock
from opsagent.ports.stores import Change, DueRun, IdempotencyKey, Lease

# A fence is given out once, so it alone tells; an ended or released run has no worker, so nobody holds it.
_HELD = and_(OF_RUN, runs.c.fence == bindparam("of_fence"), runs.c.lease_worker == bindparam("of_worker"))
_CLAIM = (
    update(runs)
    .where(OF_RUN, runs.c.status.in_(OPEN), FREE)
    .values(fence=runs.c.fence + 1, lease_worker=bindparam("worker"), lease_until=bindparam("until"), woken=False)
    .returning(*LOADED, runs.c.fence)
)
_INSERT = insert(runs)
_RENEW = update(runs).where(_HELD).values(lease_until=bindparam("until")).returning(runs.c.fence)
_RELEASE = update(runs).where(_HELD).values(lease_worker=None, lease_until=None)


class SqlRuns:
    """RunStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain
        self._changes = ChangeWriter(clock, chain)

    async def create(
        self,
        run: Run,
        *,
        key: IdempotencyKey | None = None,
        audit: Sequence[AuditEntry] = (),
        events: Sequence[RunEvent] = (),
    ) -> Run:
        """Store a new run, due now unless it says when. IdempotencyMismatch; IllegalMove when the id is taken."""
        others = {entry.tenant for entry in audit} - {run.tenant}
        if others or {(line.tenant, line.run_id) for line in events} - {(run.tenant, run.id)}:
            raise InputError("An entry belongs to another run or tenant.", fix="Give entries of the run itself.")
        stored = run if run.due_at is not None else replace(run, due_at=self._clock.now())
        row = {**new_row(stored), "last_event": len(events)}

        def work(connection: Connection) -> Run:
            if key is not None and (earlier := self._earlier(connection, run.tenant, key)):
                return earlier
            try:
                connection.execute(_INSERT, row)
            except IntegrityError as error:
                raise IllegalMove(f"There is a run {run.id} already.", fix="Give each run a new UUID.") from error
            note_words(connection, [stored])
            if key is not None:
                self._keep(connection, stored, key)
            self._chain.append(connection, audit)
            write_events_if_possible(connection, events, 1, self._clock.now())
            return stored

        return await self._engine.write("runs.create", work)

    def _earlier(self, connection: Connection, tenant: str, key: IdempotencyKey) -> Run | None:
        used = connection.execute(
            select(idempotency_keys.c.request_sha256, idempotency_keys.c.run_id).where(
                idempotency_keys.c.tenant == tenant, idempotency_keys.c.key == key.key
            )
        ).first()
        if used is None:
            return None
        if used.request_sha256 != key.request_sha256:
            raise IdempotencyMismatch(
                f"The idempotency key was used before for another request (run {used.run_id}).",
                fix="Use a new key for a new request; send the same request to get the same run.",
            )
        return fetch(connection, tenant, used.run_id)

    def _keep(self, connection: Connection, run: Run, key: IdempotencyKey) -> None:
        connection.execute(
            insert(idempotency_keys),
            {
                "tenant": run.tenant,
                "key": key.key,
                "request_sha256": key.request_sha256,
                "run_id": run.id,
                "created_at": run.created_at,
            },
        )

    async def get(self, tenant: str, run_id: str) -> Run:
        """One run. NotFound."""
        return await self._engine.read(lambda connection: fetch(connection, tenant, run_id))

    async def list(
        self,
        tenant: str,
        *,
        source: Source | None = None,
        status: RunStatus | None = None,
        text: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> Page[Run]:
        """Newest first; each filter has an index that ends in (time, id). InputError for a bad cursor.

        With words the list is walked until the page is full, and the short text of each run in it is looked up.
        """
        query = select(*LOADED).where(runs.c.tenant == tenant)
        if text.strip():
            query = query.where(holds(text))
        if source is not None:
            query = query.where(runs.c.source == source.value)
        if status is not None:
            query = query.where(runs.c.status == status.value)
        query = newest_first(query, runs.c.created_at, runs.c.id, limit=limit, cursor=cursor)
        return await self._engine.read(lambda connection: page_of(connection.execute(query).all(), limit, load))

    async def due(self, limit: int) -> Sequence[DueRun]:
        """Open runs whose time has come and that nobody holds, the tenants by turns."""
        now = self._clock.now()
        return await self._engine.read(lambda connection: due_runs(connection, now, limit))

    async def claim(self, tenant: str, run_id: str, worker: str, ttl_s: float) -> tuple[Lease, Run] | None:
        """Take the run if it is open and free; None when it is not (or is no more).

        ConflictError when what is stored cannot be read; the run is held for `ttl_s` all the same, or every sweep would
        hand it out again at once.
        """

        def work(connection: Connection) -> tuple[Lease, Run] | ConflictError | None:
            now = self._clock.now()
            values = {**of_run(tenant, run_id), "now": now, "worker": worker, "until": now + ttl_s}
            taken = connection.execute(_CLAIM, values).first()
            if taken is None:
                return None
            lease = Lease(tenant=tenant, run_id=run_id, worker=worker, fence=taken.fence, expires_at=now + ttl_s)
            try:
                return lease, load(taken)
            except ConflictError as error:
                return error  # raised in here it would undo the claim

        claimed = await self._engine.write("runs.claim", work)
        if isinstance(claimed, ConflictError):
            raise claimed
        return claimed

    async def renew(self, lease: Lease, ttl_s: float) -> Lease:
        """Hold it for `ttl_s` more seconds from now. LeaseLost."""

        def work(connection: Connection) -> Lease:
            until = self._clock.now() + ttl_s
            if connection.execute(_RENEW, {**_of_lease(lease), "until": until}).first() is None:
                raise LeaseLost(
                    f"Worker {lease.worker} no longer holds run {lease.run_id}.",
                    fix="Stop working on it; whoever holds it now goes on.",
                )
            return replace(lease, expires_at=until)

        return await self._engine.write("runs.renew", work)

    async def save(self, lease: Lease, change: Change) -> Run:
        """Write the change if the fence is current, all or nothing (events excepted). See `ChangeWriter.prepare`."""
        name = "runs.claim_effect" if change.claim else "runs.save"
        return await self._engine.write(name, self._changes.prepare(lease, change))

    async def release(self, lease: Lease) -> None:
        """Let go; the run's `due_at` stays as it was saved. A stale lease is ignored."""

        def work(connection: Connection) -> None:
            connection.execute(_RELEASE, _of_lease(lease))

        await self._engine.write("runs.release", work)


def _of_lease(lease: Lease) -> dict[str, object]:
    return {**of_run(lease.tenant, lease.run_id), "of_fence": lease.fence, "of_worker": lease.worker}
