"""A session on PostgreSQL by psycopg 3."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import errors as pg
from psycopg.adapt import AdaptersMap
from psycopg.types.string import StrDumperUnknown, TextLoader

from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.sql.driver import (
    NEVER,
    Caps,
    ConnectionGone,
    Result,
    StatementFailed,
    TokenHeld,
    check_rows,
    record,
    refuse_rows,
    taken,
    with_markers,
)
from opsagent.adapters.executors.sql.postgresql_marker import marker_table
from opsagent.adapters.executors.sql.postgresql_reach import why_it_stays
from opsagent.domain.command import BoundValue
from opsagent.domain.connection import Connection
from opsagent.ports.secrets import Login

_LOOK_S = 0.05


class _TextOnly:
    """Every value travels as text: what a person reads is what the server wrote."""

    def __init__(self) -> None:
        self.adapters = AdaptersMap(types=psycopg.adapters.types)
        self.adapters.register_loader(0, TextLoader)
        self.adapters.register_dumper(str, StrDumperUnknown)
        self.connection: Any = None


async def open_session(
    connection: Connection, login: Login, config: SqlConfig, *, reads: bool, timeout_s: float, token: str
) -> PostgresSession:
    """Connect. psycopg.OperationalError: it did not work; nothing was sent."""
    where = urlsplit(connection.address)
    settings = {
        "statement_timeout": round(timeout_s * 1000),
        "lock_timeout": round(config.lock_timeout_s * 1000),
        "idle_in_transaction_session_timeout": round((timeout_s + 30) * 1000),
        "default_transaction_read_only": "on" if reads else "off",
        "standard_conforming_strings": "on",
    }
    raw = await psycopg.AsyncConnection.connect(
        host=where.hostname,
        port=where.port or 5432,
        dbname=where.path.strip("/"),
        user=login.values["username"],
        password=login.values["password"],
        connect_timeout=math.ceil(config.connect_timeout_s),
        application_name=_name(token),
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        **_tls(connection, config),
        passfile="",
        service=None,
        autocommit=True,
        cursor_factory=psycopg.AsyncRawCursor,
        context=_TextOnly(),
    )
    return PostgresSession(raw, config, marker_schema=connection.options.get("marker_schema", ""))


class PostgresSession:
    """Fulfils `Session`."""

    def __init__(self, raw: psycopg.AsyncConnection[Any], config: SqlConfig, *, marker_schema: str) -> None:
        self._raw, self._name, self._schema = raw, config.marker_table, marker_schema
        self._table = ""  # qualified, once it was found: a statement may change where a bare name is looked for

    async def read(self, text: str, values: Sequence[BoundValue], caps: Caps) -> Result:
        """Stream it, which the extended protocol does: it takes one statement and never two."""
        query, given = with_markers(text, values, "$")
        rows: list[Any] = []
        columns: tuple[str, ...] = ()
        with _told(), _enough(rows, caps):
            async with self._raw.transaction(), self._raw.cursor() as cursor:
                async for row in cursor.stream(query.encode(), given):
                    rows.append(row)
                    if not columns:
                        columns = tuple(column.name for column in cursor.description or ())
                    if taken(rows[-1:], caps)[1] or len(rows) == caps.rows + 1:
                        await self._raw.cancel_safe()  # what comes now is the word that it was ended
                columns = columns or tuple(column.name for column in cursor.description or ())
        kept, cut = taken(rows, caps)
        return Result(columns=columns, rows=kept, cut=cut)

    async def change(
        self, text: str, values: Sequence[BoundValue], *, token: str, rows: tuple[int, int] | None, caps: Caps
    ) -> Result:
        """Marker, statement and outcome in one transaction; what is not taken back has its marker before it."""
        query, given = with_markers(text, values, "$")
        with _told():
            if why := await why_it_stays(self._raw, text):
                refuse_rows(why, rows)
            self._table = await marker_table(self._raw, self._name, self._schema)
            if why:
                await self._mark(token)
                with _told(stays=True):
                    result = await self._run(query, given, caps)
                    await self._note(token, result)
                return result
            async with self._raw.transaction():
                await self._mark(token)
                result = await self._run(query, given, caps)
                check_rows(result, rows)
                await self._note(token, result)
        return result

    async def outcome(self, token: str, patience_s: float) -> str | None:
        """See the port. The insert waits for a transaction that holds the same marker."""
        with _told():
            self._table = await marker_table(self._raw, self._name, self._schema)
            await self._end_holder(token, patience_s)
            await self._raw.execute(
                f"INSERT INTO {self._table} (token, outcome) VALUES ($1, '{NEVER}') ON CONFLICT DO NOTHING".encode(),  # noqa: S608 - our own table's name
                [token],
            )
            found = await self._raw.execute(
                f"SELECT outcome FROM {self._table} WHERE token = $1".encode(),  # noqa: S608 - our own table's name
                [token],
            )
            row = await found.fetchone()
            return row[0] if row else None

    async def about(self) -> dict[str, str]:
        """Version, user, and what speaks against it as a read account."""
        query = (
            "SELECT current_setting('server_version'), current_user, rolsuper::text, "
            "(SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = current_user "
            "AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'))::text "
            "FROM pg_roles WHERE rolname = current_user"
        )
        with _told():
            row = await (await self._raw.execute(query.encode())).fetchone()
        version, user, superuser, grants = row or ("?", "?", "false", "0")
        may = "everything (superuser)" if superuser == "true" else f"change {grants} granted tables"
        return {"version": f"PostgreSQL {version}", "user": user, "may": may}

    async def stop(self) -> None:
        """Cancel what runs, then close."""
        try:
            with contextlib.suppress(psycopg.Error, TimeoutError):
                await self._raw.cancel_safe(timeout=3)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(psycopg.Error):
            await self._raw.close()

    async def _mark(self, token: str) -> None:
        try:
            await self._raw.execute(f"INSERT INTO {self._table} (token) VALUES ($1)".encode(), [token])  # noqa: S608 - our own
        except pg.UniqueViolation as error:
            raise TokenHeld from error

    async def _note(self, token: str, result: Result) -> None:
        query = f"UPDATE {self._table} SET outcome = $1 WHERE token = $2"  # noqa: S608 - our own table's name
        await self._raw.execute(query.encode(), [record(result), token])

    async def _run(self, query: str, given: list[str], caps: Caps) -> Result:
        cursor = await self._raw.execute(query.encode(), given, prepare=True)
        if cursor.description is None:
            return Result(changed=max(cursor.rowcount, 0))
        kept, cut = taken(await cursor.fetchmany(caps.rows + 1), caps)
        columns = tuple(column.name for column in cursor.description)
        return Result(columns=columns, rows=kept, changed=max(cursor.rowcount, 0), cut=cut)

    async def _end_holder(self, token: str, patience_s: float) -> None:
        """A session that still works under this token: let it end by itself for a while, then end it."""
        holders = (
            "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid() "
            "AND usename = current_user"
        )
        loop = asyncio.get_running_loop()
        limit = loop.time() + patience_s
        ended = False
        while await (await self._raw.execute(holders.encode(), [_name(token)])).fetchall():
            if loop.time() >= limit:
                if ended:
                    raise StatementFailed("a session that works under this token does not end")
                ends = holders.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")
                await self._raw.execute(ends.encode(), [_name(token)])
                ended, limit = True, loop.time() + 5
            await asyncio.sleep(_LOOK_S)


def _name(token: str) -> str:
    return f"opsagent:{token}"[:63]


def _tls(connection: Connection, config: SqlConfig) -> dict[str, Any]:
    """Libpq 34.19: the certificate is checked against the name, unless the connection says less or it is loopback."""
    loopback = urlsplit(connection.address).hostname in {"127.0.0.1", "::1", "localhost"}
    mode = connection.options.get("sslmode", "prefer" if loopback else "verify-full")
    if not mode.startswith("verify"):
        return {"sslmode": mode}
    return {"sslmode": mode, "sslrootcert": str(config.ca_file) if config.ca_file else "system"}


@contextlib.contextmanager
def _enough(rows: list[Any], caps: Caps) -> Iterator[None]:
    """A query that was ended because no more of it is wanted has not failed."""
    try:
        yield
    except pg.QueryCanceled:
        if not taken(rows, caps)[1]:
            raise


@contextlib.contextmanager
def _told(*, stays: bool = False) -> Iterator[None]:
    """The server's refusals as ours; a connection that broke is not a refusal."""
    try:
        yield
    except pg.QueryCanceled as error:
        raise StatementFailed(_words(error), timed_out=True, stays=stays) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        if error.sqlstate and not error.sqlstate.startswith(("08", "57P")):
            raise StatementFailed(_words(error), stays=stays) from error
        raise ConnectionGone(_words(error)) from error
    except psycopg.Error as error:
        raise StatementFailed(_words(error), stays=stays) from error


def _words(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip() or type(error).__name__
