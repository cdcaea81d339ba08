"""The one writer of a SQLite database: takes what has queued, commits it together, then tells everybody.

A commit waits for the disk; fifty callers who wait for the same commit wait once. Nobody hears of success before
the commit, and a job that fails takes nothing else with it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from opsagent.adapters.failpoints import Failpoints
from opsagent.adapters.stores.chain import forget_heads
from opsagent.adapters.stores.engine import Work
from opsagent.adapters.stores.failures import explained
from opsagent.errors import StoreUnavailable

T = TypeVar("T")
MAX_BATCH = 256  # bounds how long the first of a batch waits: about 50 ms at 0.2 ms a job


@dataclass(eq=False, slots=True)
class _Job:
    name: str
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = field(default=None)
    error: BaseException | None = field(default=None)


class GroupCommit:
    """A thread that owns the writing connection.

    `connect` opens it (in the thread); `check` runs before each transaction and may refuse it (StoreUnavailable).
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        check: Callable[[], None] | None = None,
        failpoints: Failpoints | None = None,
    ) -> None:
        self._connect = connect
        self._check = check
        self._failpoints = failpoints
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._gate = threading.Lock()  # nothing is queued behind the end

    async def start(self) -> None:
        """Open the connection; what that raises is raised here."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        thread = threading.Thread(target=self._serve, args=(loop, ready), name="opsagent-store", daemon=True)
        thread.start()
        await ready
        with self._gate:
            self._thread = thread

    async def run(self, name: str, work: Work[T]) -> T:
        """Queue `work`; returns its result once the batch it is in was committed."""
        loop = asyncio.get_running_loop()
        job = _Job(name, work, loop, loop.create_future())
        with self._gate:
            if self._thread is None:
                raise StoreUnavailable("The store is closed.", fix="Start OpsAgent again.")
            self._queue.put(job)
        result: T = await job.future
        return result

    async def stop(self) -> None:
        """Commit what has queued and end the thread."""
        with self._gate:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            await asyncio.to_thread(thread.join)

    def _serve(self, loop: asyncio.AbstractEventLoop, ready: asyncio.Future[None]) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever it is, `start` raises it
            loop.call_soon_threadsafe(_fail, ready, explained(error))
            return
        loop.call_soon_threadsafe(_finish, ready, None)
        try:
            more = True
            while more:
                batch, more = self._take()
                self._commit([job for job in batch if not job.future.cancelled()], connection)
        finally:
            connection.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """Everything that has queued, waiting for the first; False once the end was reached."""
        batch: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            if len(batch) == MAX_BATCH:
                return batch, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: Sequence[_Job], connection: Connection) -> None:
        if not batch:
            return
        try:
            self._transact(batch, connection)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: every caller must get an answer
            failure = explained(error)
            for job in batch:
                job.error = failure
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            try:
                loop.call_soon_threadsafe(_answer, jobs)
            except RuntimeError:  # that loop has closed; its callers are gone
                continue

    def _transact(self, batch: Sequence[_Job], connection: Connection) -> None:
        if self._check is not None:
            self._check()
        self._hit(batch, "before_begin")
        with connection.begin():
            forget_heads(connection)
            self._hit(batch, "after_begin")
            for job in batch:
                self._attempt(job, connection)
            self._hit(batch, "before_commit")
        self._hit(batch, "after_commit")

    def _attempt(self, job: _Job, connection: Connection) -> None:
        """Run one job in a savepoint. Raises only when the transaction as a whole is lost."""
        driver: Any = connection.connection.driver_connection
        driver.execute("SAVEPOINT job")  # past SQLAlchemy: 2 microseconds instead of 50
        try:
            job.result = job.work(connection)
        except Exception as error:  # the edge of a thread: the caller gets it
            if not driver.in_transaction:
                raise  # SQLite gave up everything (disk full, I/O error), so nobody may hear of success
            driver.execute("ROLLBACK TO job")
            forget_heads(connection)
            job.error = explained(error)
        driver.execute("RELEASE job")

    def _hit(self, batch: Sequence[_Job], place: str) -> None:
        if self._failpoints is not None:
            for job in batch:
                self._failpoints.hit(f"{job.name}.{place}")


def _answer(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.error is not None:
            _fail(job.future, job.error)
        else:
            _finish(job.future, job.result)


def _finish(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
