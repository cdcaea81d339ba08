"""A session on MySQL or MariaDB by asyncmy.

DDL commits by itself there, and only InnoDB rolls back: for all else the marker is committed before and the outcome
after, so a crash in between is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import asyncmy
from asyncmy import errors as my
from asyncmy.cursors import SSCursor

from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.sql.driver import (
    NEVER,
    Caps,
    ConnectionGone,
    Refused,
    Result,
    StatementFailed,
    TokenHeld,
    check_rows,
    record,
    refuse_rows,
    taken,
    with_markers,
)
from opsagent.adapters.executors.sql.mysql_engines import engine_of, why_it_stays
from opsagent.domain.command import BoundValue
from opsagent.domain.connection import Connection
from opsagent.ports.secrets import Login

_NOT_ALL_ROLLED_BACK = 1196  # MySQL Error Reference: ER_WARNING_NOT_COMPLETE_ROLLBACK
_DUPLICATE, _INTERRUPTED = 1062, (1317, 1969, 3024)
_LOST = (2002, 2003, 2006, 2013, 2055, 1927, 1053)
_LOOK_S = 0.05
# Fixed, so that quoting means here what the driver takes it for.
_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO"


async def open_session(
    connection: Connection, login: Login, config: SqlConfig, *, reads: bool, timeout_s: float, token: str
) -> MySqlSession:
    """Connect. asyncmy's OperationalError: it did not work; nothing was sent."""

    async def connect() -> Any:
        where = urlsplit(connection.address)
        return await asyncmy.connect(
            host=where.hostname,
            port=where.port or 3306,
            user=login.values["username"],
            password=login.values["password"],
            db=where.path.strip("/") or None,
            connect_timeout=math.ceil(config.connect_timeout_s),
            charset="utf8mb4",
            autocommit=True,
            ssl=_tls(connection, config),
        )

    raw = await connect()
    session = MySqlSession(raw, connect, config, token, database=urlsplit(connection.address).path.strip("/"))
    with contextlib.ExitStack() as opened:  # nobody else knows of it yet
        opened.callback(raw.close)
        await session.prepare(reads=reads, timeout_s=timeout_s)
        opened.pop_all()
    return session


class MySqlSession:
    """Fulfils `Session`."""

    def __init__(self, raw: Any, again: Any, config: SqlConfig, token: str, *, database: str) -> None:
        self._raw, self._again, self._config, self._token, self._database = raw, again, config, token, database
        # With its database: a statement may change the one that a bare name is looked for in.
        self._table = f"{_quoted(database)}.{_quoted(config.marker_table)}"

    async def prepare(self, *, reads: bool, timeout_s: float) -> None:
        """Limits, and the lock by which others find this connection under its token."""
        with _told():
            await self._all(f"SET SESSION sql_mode = '{_MODE}'")
            version = (await self._all("SELECT VERSION()"))[0][0]
            if "MariaDB" in str(version):
                await self._all(f"SET SESSION max_statement_time = {timeout_s:.3f}")
            else:
                await self._all(f"SET SESSION max_execution_time = {round(timeout_s * 1000)}")
            await self._all(f"SET SESSION lock_wait_timeout = {max(1, round(self._config.lock_timeout_s))}")
            await self._all(f"SET SESSION innodb_lock_wait_timeout = {max(1, round(self._config.lock_timeout_s))}")
            if not reads:
                await self._all("SELECT GET_LOCK(%s, 0)", [_lock(self._token)])

    async def read(self, text: str, values: Sequence[BoundValue], caps: Caps) -> Result:
        """In a read-only transaction, unbuffered, until the caps are reached; then the rest is thrown away."""
        query, given = with_markers(text, values, "%s")
        with _told():
            await self._all("START TRANSACTION READ ONLY")
            cursor = self._raw.cursor(SSCursor)
            await cursor.execute(query, given)
            columns = tuple(column[0] for column in cursor.description or ())
            rows: list[Any] = []
            while not taken(rows, caps)[1] and (more := await cursor.fetchmany(100)):
                rows += more
            kept, cut = taken(rows, caps)
            if cut:
                await self.stop()  # an unbuffered result would have to be read to its end
            else:
                await cursor.close()
                await self._all("ROLLBACK")
        return Result(columns=columns, rows=kept, cut=cut)

    async def change(
        self, text: str, values: Sequence[BoundValue], *, token: str, rows: tuple[int, int] | None, caps: Caps
    ) -> Result:
        """Marker, statement and outcome in one transaction; what is not rolled back has its marker before it."""
        query, given = with_markers(text, values, "%s")
        with _told():
            await self._make_table()
            if why := await why_it_stays(self._all, text, self._database):
                refuse_rows(why, rows)
                await self._mark(token)
                with _told(stays=True):
                    result = await self._run(query, given, caps)
                    await self._note(token, result)
                return result
            await self._all("START TRANSACTION")
            try:
                await self._mark(token)
                result = await self._run(query, given, caps)
                check_rows(result, rows)
                await self._note(token, result)
                await self._all("COMMIT")
            except TokenHeld:
                await self._roll_back()
                raise
            except (my.MySQLError, StatementFailed) as error:
                if not await self._roll_back():
                    raise
                await self._mark(token)  # else recovery would take it for never begun
                raise StatementFailed(_words(error), stays=True) from error
        return result

    async def outcome(self, token: str, patience_s: float) -> str | None:
        """See the port."""
        with _told():
            await self._make_table()
            await self._end_holder(token, patience_s)
            await self._all(f"INSERT IGNORE INTO {self._table} (token, outcome) VALUES (%s, '{NEVER}')", [token])  # noqa: S608 - our own table's name
            found = await self._all(f"SELECT outcome FROM {self._table} WHERE token = %s", [token])  # noqa: S608 - our own table's name
            return str(found[0][0]) if found and found[0][0] is not None else None

    async def about(self) -> dict[str, str]:
        """Version, user, and what it may do."""
        with _told():
            version, user = (await self._all("SELECT VERSION(), CURRENT_USER()"))[0]
            grants = [str(row[0]) for row in await self._all("SHOW GRANTS")]
        may = "; ".join(grant.partition(" TO ")[0].removeprefix("GRANT ") for grant in grants)
        return {"version": str(version), "user": str(user), "may": may}

    async def stop(self) -> None:
        """Kill this connection on the server by a second one, then drop it."""
        try:
            with contextlib.suppress(my.MySQLError, OSError):
                number = self._raw.thread_id()
                other = await self._again()
                try:
                    async with other.cursor() as cursor:
                        await cursor.execute(f"KILL {int(number)}")
                finally:
                    other.close()
        finally:
            self._raw.close()

    async def close(self) -> None:
        """Close the connection."""
        try:
            with contextlib.suppress(my.MySQLError, OSError):
                await self._raw.ensure_closed()
        finally:
            self._raw.close()

    async def _all(self, query: str, given: Sequence[str] = ()) -> Sequence[Sequence[Any]]:
        async with self._raw.cursor() as cursor:
            await cursor.execute(query, given or None)
            found: Sequence[Sequence[Any]] = await cursor.fetchall()
            return found

    async def _make_table(self) -> None:
        """Looked for first: CREATE TABLE IF NOT EXISTS wants the right to create even where it does nothing."""
        name = self._config.marker_table
        if engine := await engine_of(self._all, self._database, name):
            if engine.lower() != "innodb":
                raise Refused(f"{name} is {engine}, which keeps no promise", fix=f"ALTER TABLE {name} ENGINE=InnoDB")
            return
        await self._all(
            f"CREATE TABLE IF NOT EXISTS {self._table} (token varchar(190) PRIMARY KEY, "
            "at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, outcome mediumtext) ENGINE=InnoDB"
        )

    async def _mark(self, token: str) -> None:
        try:
            await self._all(f"INSERT INTO {self._table} (token) VALUES (%s)", [token])  # noqa: S608 - our own table's name
        except my.IntegrityError as error:
            if error.args and error.args[0] == _DUPLICATE:
                raise TokenHeld from error
            raise

    async def _note(self, token: str, result: Result) -> None:
        query = f"UPDATE {self._table} SET outcome = %s WHERE token = %s"  # noqa: S608 - our own table's name
        await self._all(query, [record(result), token])

    async def _roll_back(self) -> bool:
        """Roll back; whether the server warns that something stays."""
        with contextlib.suppress(my.MySQLError):
            await self._all("ROLLBACK")
            return any(row[1] == _NOT_ALL_ROLLED_BACK for row in await self._all("SHOW WARNINGS"))
        return False

    async def _run(self, query: str, given: list[str], caps: Caps) -> Result:
        async with self._raw.cursor() as cursor:
            await cursor.execute(query, given)
            if not cursor.description:
                return Result(changed=max(cursor.rowcount, 0))
            kept, cut = taken(await cursor.fetchmany(caps.rows + 1), caps)
            columns = tuple(column[0] for column in cursor.description)
            return Result(columns=columns, rows=kept, changed=0, cut=cut)

    async def _end_holder(self, token: str, patience_s: float) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + patience_s
        ended = False
        own = self._raw.thread_id()
        while True:
            holder = (await self._all("SELECT IS_USED_LOCK(%s)", [_lock(token)]))[0][0]
            if holder is None or holder == own:
                return
            if loop.time() >= limit:
                if ended:
                    raise StatementFailed("a session that works under this token does not end")
                with contextlib.suppress(my.MySQLError):  # it ended by itself meanwhile
                    await self._all(f"KILL {int(holder)}")
                ended, limit = True, loop.time() + 5
            await asyncio.sleep(_LOOK_S)


def _lock(token: str) -> str:
    return f"opsagent:{token}"[:64]  # MySQL 8.4, Locking Functions: 64 characters at most


def _tls(connection: Connection, config: SqlConfig) -> ssl.SSLContext | None:
    loopback = urlsplit(connection.address).hostname in {"127.0.0.1", "::1", "localhost"}
    if connection.options.get("tls", "off" if loopback else "on") == "off":
        return None
    context = ssl.create_default_context()
    if config.ca_file is not None:
        context.load_verify_locations(cafile=config.ca_file)
    return context


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@contextlib.contextmanager
def _told(*, stays: bool = False) -> Iterator[None]:
    """The server's refusals as ours; a connection that broke is not a refusal."""
    try:
        yield
    except my.MySQLError as error:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        if number in _LOST or isinstance(error, my.InterfaceError):
            raise ConnectionGone(_words(error)) from error
        raise StatementFailed(_words(error), timed_out=number in _INTERRUPTED, stays=stays) from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise ConnectionGone("the connection broke") from error


def _words(error: Exception) -> str:
    if isinstance(error, my.MySQLError):
        return str(error.args[1]) if len(error.args) > 1 else type(error).__name__
    return str(error)
