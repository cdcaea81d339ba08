"""The runbook index without a server: one small SQLite FTS5 file (or memory) for each tenant.

It is a cache of the store's rows: what cannot be read is thrown away and built again at the next refresh.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from opsagent.adapters.knowledge.ranking import rank
from opsagent.adapters.knowledge.words import MAX_QUERY_CHARS, compound_names, exact_name, query_terms, search_words
from opsagent.domain.runbook import Runbook
from opsagent.errors import StoreUnavailable
from opsagent.ports.index import Found, Hit

_FORMAT = 1  # grows when the tables or the words change, so that an older file is built again
_BODY_CHARS = 64_000
_TABLES = """
CREATE TABLE state (format INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE TABLE names (name TEXT NOT NULL, rowid_of INTEGER NOT NULL, why TEXT NOT NULL);
CREATE INDEX names_by_name ON names (name);
CREATE TABLE runbooks (id TEXT NOT NULL, title TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (title, names, summary, body, tokenize = 'porter unicode61 remove_diacritics 2');
"""


class Fts5Index:
    """A `RunbookIndex` in `folder` (None: in memory). Several processes may share the folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._open: dict[str, sqlite3.Connection] = {}
        self._lock = threading.Lock()

    async def refresh(self, tenant: str, revision: int, runbooks: Sequence[Runbook]) -> None:
        """Hold exactly these runbooks; does nothing when it holds that revision. StoreUnavailable."""
        await asyncio.to_thread(self._refresh, tenant, revision, tuple(runbooks))

    async def search(self, tenant: str, query: str, *, limit: int = 5) -> Found:
        """The best runbooks for a query: an exact name first, else by words; `fits` tells whether to trust them."""
        return await asyncio.to_thread(self._search, tenant, query, limit)

    async def close(self) -> None:
        """Let go of the files."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    @contextlib.contextmanager
    def _tenant(self, tenant: str) -> Iterator[sqlite3.Connection]:
        """The tenant's database, opened; one that turns out to be broken is dropped."""
        with self._lock:
            try:
                yield self._connection(tenant)
            except sqlite3.DatabaseError as wrong:
                self._drop(tenant)
                raise StoreUnavailable(
                    f"The runbook index cannot be used: {wrong}.",
                    fix="It is built again by itself; if this stays, look at the disk that holds the data folder.",
                ) from wrong

    def _connection(self, tenant: str) -> sqlite3.Connection:
        if tenant not in self._open:
            path = self._path(tenant)
            database = _usable(path)
            if database is None:
                self._remove(path)
                database = _usable(path)
            if database is None:
                raise sqlite3.DatabaseError("the file cannot be made")
            self._open[tenant] = database
        return self._open[tenant]

    def _path(self, tenant: str) -> Path | None:
        if self._folder is None:
            return None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / f"{hashlib.sha256(tenant.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.sqlite"

    def _drop(self, tenant: str) -> None:
        database = self._open.pop(tenant, None)
        if database is not None:
            database.close()
        self._remove(self._path(tenant))

    @staticmethod
    def _remove(path: Path | None) -> None:
        for suffix in ("", "-wal", "-shm", "-journal") if path else ():
            Path(f"{path}{suffix}").unlink(missing_ok=True)

    def _refresh(self, tenant: str, revision: int, runbooks: Sequence[Runbook]) -> None:
        with self._tenant(tenant) as database:
            if database.execute("SELECT revision FROM state").fetchone() == (revision,):
                return
            with database:  # commits, or rolls back whatever happens
                database.execute("BEGIN IMMEDIATE")
                _fill(database, revision, runbooks)

    def _search(self, tenant: str, query: str, limit: int) -> Found:
        shown = query[:MAX_QUERY_CHARS]
        with self._tenant(tenant) as database:
            exact = _exact(database, exact_name(query), exact=True)
            named = [hit for name in compound_names(query) for hit in _exact(database, name, exact=False)]
            ranked, fits = rank(database, query_terms(query))
        best: dict[str, Hit] = {}
        for hit in (*exact, *named, *ranked):
            best.setdefault(hit.id, hit)
        hits = tuple(best.values())[: max(0, limit)]
        return Found(query=shown, fits=bool(exact or named) or fits, hits=hits)


def _usable(path: Path | None) -> sqlite3.Connection | None:
    """An open database with the present tables; None when the file holds something else or nothing sound."""
    database = sqlite3.connect(str(path or ":memory:"), check_same_thread=False, isolation_level=None, timeout=10.0)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")  # a cache: after a power cut it is built again
        database.execute("BEGIN IMMEDIATE")
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in _TABLES.strip().split(";\n"):
                database.execute(statement)
            database.execute("INSERT INTO state VALUES (?, -1)", (_FORMAT,))
        sound = database.execute("SELECT format FROM state").fetchone() == (_FORMAT,)
        database.execute("COMMIT")
    except sqlite3.DatabaseError:
        sound = False
    if not sound:
        database.close()
        return None
    return database


def _fill(database: sqlite3.Connection, revision: int, runbooks: Sequence[Runbook]) -> None:
    for table in ("names", "runbooks", "words"):
        database.execute(f"DELETE FROM {table}")  # noqa: S608 - three fixed names
    for runbook in runbooks:
        row = database.execute("INSERT INTO runbooks VALUES (?, ?)", (runbook.id, runbook.title)).lastrowid
        called = [(runbook.id, "its id"), *((name, "its alias") for name in runbook.aliases)]
        called += [(name, "its alert name") for name in runbook.alerts]
        database.executemany(
            "INSERT INTO names VALUES (?, ?, ?)", [(exact_name(name), row, why) for name, why in called]
        )
        columns = (runbook.title, " ".join(name for name, _ in called), runbook.summary, runbook.source[:_BODY_CHARS])
        database.execute(
            "INSERT INTO words (rowid, title, names, summary, body) VALUES (?, ?, ?, ?, ?)",
            (row, *(" ".join(search_words(column)) for column in columns)),
        )
    database.execute("UPDATE state SET revision = ?", (revision,))


def _exact(database: sqlite3.Connection, name: str, *, exact: bool) -> list[Hit]:
    """The runbooks of that name: above every ranked one, and exact when the name is the whole query."""
    rows = database.execute(
        "SELECT r.id, n.why FROM names n JOIN runbooks r ON r.rowid = n.rowid_of WHERE n.name = ? ORDER BY r.rowid",
        (name.encode("utf-8", "replace").decode(),),
    )
    found: dict[str, Hit] = {}
    for identity, why in rows if name else ():
        found.setdefault(
            identity, Hit(id=identity, score=3.0 if exact else 2.0, why=f"`{name[:80]}` is {why}", exact=exact)
        )
    return list(found.values())
