"""The harmless twin: the same SQL over a private database in memory, gone with the process."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from opsagent.adapters.failpoints import Failpoints
from opsagent.adapters.stores.assemble import assemble
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.engine import Work
from opsagent.adapters.stores.group_commit import GroupCommit
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.stores import Stores

T = TypeVar("T")


class MemoryEngine:
    """One thread owns the only connection; reads queue behind writes."""

    def __init__(self, failpoints: Failpoints | None = None) -> None:
        self._writer = GroupCommit(_connect, failpoints=failpoints)

    async def open(self) -> None:
        """Make the tables and start."""
        await self._writer.start()

    async def write(self, name: str, work: Work[T]) -> T:
        """Run `work` in a transaction of its own."""
        return await self._writer.run(name, work)

    async def read(self, work: Work[T]) -> T:
        """Run `work` behind every write that was queued before."""
        return await self._writer.run("read", work)

    async def close(self) -> None:
        """Everything is gone."""
        await self._writer.stop()


def _connect() -> Connection:
    engine = create_engine("sqlite://", poolclass=NullPool, connect_args={"isolation_level": None})

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    connection = engine.connect()
    with connection.begin():
        metadata.create_all(connection)
    return connection


def _always() -> AbstractContextManager[bool]:
    return nullcontext(enter_result=True)


def open_memory(clock: Clock, ids: Ids, *, failpoints: Failpoints | None = None) -> Stores:
    """Stores in memory, for tests and trials; `housekeeping.open()` makes them usable."""
    key = ids.secret().encode()
    return assemble(MemoryEngine(failpoints), clock, ids, lambda: key, "memory", nobody_else=_always)
