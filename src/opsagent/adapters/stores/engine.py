"""What every store here is written against: functions over a SQLAlchemy connection, and an engine that runs them.

The functions are synchronous, so that one text of them serves a SQLite file (one writer thread), memory, and later
PostgreSQL (`AsyncConnection.run_sync`). They have no effect but on the connection: an engine may run one again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work = Callable[[Connection], T]


class Engine(Protocol):
    """Runs work in transactions."""

    async def open(self) -> None:
        """Make the schema current and start. StoreUnavailable, FolderInUse."""
        ...

    async def write(self, name: str, work: Work[T]) -> T:
        """Run `work` in a transaction of its own; returns once it is committed and safe on disk.

        `name` is what failpoints call it. What `work` raises reaches the caller and nothing of it is stored; a
        broken constraint is a ConflictError, a database that cannot serve is StoreUnavailable.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one snapshot that holds every write acknowledged before. StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go."""
        ...


@contextmanager
def savepoint(connection: Connection, name: str) -> Iterator[None]:
    """A part of a transaction that may fail alone; plain statements cost half of what `begin_nested` does."""
    connection.exec_driver_sql(f"SAVEPOINT {name}")
    whole = False
    try:
        yield
        whole = True
    finally:
        # When the database has given up the whole transaction (a full disk) this fails too, and so does the write.
        if not whole:
            connection.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {name}")
        connection.info.clear()  # what was remembered of this transaction may be what was taken back
        connection.exec_driver_sql(f"RELEASE SAVEPOINT {name}")
