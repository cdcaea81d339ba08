"""The embedded default: one SQLite file, written by one thread of each process, read by a few others."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import sqlalchemy
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from opsagent.adapters.failpoints import Failpoints
from opsagent.adapters.stores.assemble import assemble
from opsagent.adapters.stores.engine import Engine, Work
from opsagent.adapters.stores.failures import explained, gone
from opsagent.adapters.stores.folder import Ownership, Presence, alone, make_audit_key, make_private, read_audit_key
from opsagent.adapters.stores.group_commit import GroupCommit
from opsagent.adapters.stores.migrate import migrate
from opsagent.adapters.stores.told import Told
from opsagent.errors import StoreUnavailable
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.stores import Stores

T = TypeVar("T")
FILE = "opsagent.db"
_LOCK_TRIES = 3  # the busy handler is not asked in every case (a write-ahead log in recovery), so begin again
_JOURNAL_LIMIT = 64 * 1024 * 1024  # bytes of write-ahead log kept on disk after a burst


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteConfig:
    """Where the file lies and who may use it.

    `exclusive`: own the folder, as a server does; a second one gets FolderInUse. `address` is what it is then told.
    Any number may open it otherwise, beside a server or without one.
    `busy_s`: seconds to wait for another process's transaction. `readers`: reading threads.
    """

    folder: Path
    exclusive: bool = True
    address: str = ""
    busy_s: float = 5.0
    readers: int = 2


class SqliteEngine:
    """Runs work on one file."""

    def __init__(self, config: SqliteConfig, ids: Ids, *, failpoints: Failpoints | None = None) -> None:
        self._config = config
        self._ids = ids
        self._path = config.folder / FILE
        self._place = Ownership(config.folder, config.address) if config.exclusive else Presence(config.folder)
        self._identity: tuple[int, int] | None = None
        self._writer = GroupCommit(self._connect_writer, check=self._check, failpoints=failpoints)
        self._pool: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._reading: list[Connection] = []

    async def open(self) -> None:
        """Own the folder, migrate, start. StoreUnavailable, FolderInUse."""
        await asyncio.to_thread(self._prepare)
        try:
            await self._writer.start()
        except StoreUnavailable:
            self._place.release()
            raise
        self._pool = ThreadPoolExecutor(self._config.readers, thread_name_prefix="opsagent-read")

    async def write(self, name: str, work: Work[T]) -> T:
        """Run `work` in a transaction of its own; returns once it is committed and synced."""
        return await self._writer.run(name, work)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a snapshot, in a reading thread."""
        if self._pool is None:
            raise StoreUnavailable("The store is closed.", fix="Start OpsAgent again.")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    async def close(self) -> None:
        """Commit what has queued, fold the log into the file, let go of the folder."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)
        for connection in self._reading:
            connection.close()
        self._reading.clear()
        await self._writer.stop()
        self._place.release()

    def _prepare(self) -> None:
        folder = self._config.folder
        try:
            make_private(folder)
            self._place.take()
            with alone(folder / "migrate.lock"):
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                existed = migrate(_engine(self._path, self._config.busy_s, "BEGIN IMMEDIATE"), self._path)
                make_audit_key(folder, self._ids.secret(), late=existed)
            found = self._path.stat()
            self._identity = (found.st_dev, found.st_ino)
        except StoreUnavailable:
            self._place.release()
            raise
        except (OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError) as error:
            self._place.release()
            raise explained(error, folder) from error

    def _connect_writer(self) -> Connection:
        connection = _engine(self._path, self._config.busy_s, "BEGIN IMMEDIATE").connect()
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        connection.rollback()
        if mode != "wal":
            connection.close()
            raise StoreUnavailable(
                f"The disk of {self._config.folder} cannot keep a write-ahead log (journal mode is {mode}).",
                fix="Put the data folder on a local disk: no NFS, SMB or shared folder of a virtual machine.",
            )
        return connection

    def _read(self, work: Work[T]) -> T:
        try:
            self._check()
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = _engine(self._path, self._config.busy_s, "BEGIN").connect()
                connection.exec_driver_sql("PRAGMA query_only=ON")
                connection.rollback()
                self._local.connection = connection
                self._reading.append(connection)
            with connection.begin():
                return work(connection)
        except (sqlalchemy.exc.DBAPIError, UnicodeEncodeError, OverflowError) as error:
            raise explained(error, self._path) from error

    def _check(self) -> None:
        """Refuse to write into a file that is no longer under its name: SQLite itself would not notice."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise gone(self._path) from error
        if (found.st_dev, found.st_ino) != self._identity:
            raise gone(self._path)


def _engine(path: Path, busy_s: float, begin: str) -> sqlalchemy.Engine:
    """An engine whose transactions start with `begin`.

    A transaction that reads first and writes then must begin IMMEDIATE: in a deferred one the write fails at once
    when another process has written in between, and no waiting helps.
    """
    engine = create_engine(
        sqlalchemy.URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={
            "isolation_level": None,
            "timeout": busy_s,
            "check_same_thread": False,
            "cached_statements": 256,
        },
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # NORMAL may lose acknowledged writes with the power
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA journal_size_limit={_JOURNAL_LIMIT}")
        connection.execute("PRAGMA cache_size=-16384")  # 16 MiB

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        for left in reversed(range(_LOCK_TRIES)):
            try:
                connection.exec_driver_sql(begin)
            except OperationalError as error:
                code = getattr(error.orig, "sqlite_errorcode", 0)
                if left == 0 or code & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            else:
                return

    return engine


def _never() -> AbstractContextManager[bool]:
    return nullcontext(enter_result=False)


def open_sqlite(
    config: SqliteConfig,
    clock: Clock,
    ids: Ids,
    *,
    failpoints: Failpoints | None = None,
    tell: Callable[[], None] | None = None,
) -> Stores:
    """Stores in `<folder>/opsagent.db`; `housekeeping.open()` makes them usable. `tell` hears of what is written."""
    engine: Engine = SqliteEngine(config, ids, failpoints=failpoints)
    if tell is not None:
        engine = Told(engine, tell)
    nobody_else = Presence(config.folder).nobody_else if config.exclusive else _never
    return assemble(engine, clock, ids, lambda: read_audit_key(config.folder), "sqlite", nobody_else=nobody_else)
