"""Runs one SQL statement: a read on the read account, an effect once per start token, in one transaction with it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.sql.deadline import within
from opsagent.adapters.executors.sql.driver import (
    NEVER,
    Caps,
    ConnectionGone,
    Refused,
    Result,
    Session,
    StatementFailed,
    TokenHeld,
    recorded,
)
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.domain.sql_text import code_of
from opsagent.errors import ConfigurationError, ExecutionError, InputError, TokenTaken, UnavailableError
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Kept, Order, Trace, Traced
from opsagent.ports.redact import Redactor
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

_T = TypeVar("_T")
NAME = "sql"
_OPTIONS = {"postgresql": {"sslmode", "marker_schema"}, "mysql": {"tls"}}
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_SSLMODES = ("disable", "require", "verify-ca", "verify-full")
_STAYS = "Something of it may stay: not all of it was done in a transaction."
# They would end our transaction, and the start token's with it.
_OWN = re.compile(
    r"\s*(?:begin|start|commit|rollback|end|abort|savepoint|release|set\s+(?:session\s+characteristics|transaction)"
    r"|prepare\s+transaction|xa)\b",
    re.IGNORECASE,
)


class SqlExecutor:
    """Executes on PostgreSQL and on MySQL or MariaDB (ports/executor.py, ports/target.py)."""

    def __init__(self, config: SqlConfig, *, clock: Clock, redactor: Redactor) -> None:
        self._config, self._clock, self._redactor = config, clock, redactor

    @property
    def tokens_at_target(self) -> bool:
        """They lie there."""
        return True

    @property
    def backend(self) -> str:
        """Nothing is held in here: the account is what limits a statement."""
        return "database account"

    async def run(self, order: Order) -> Outcome:
        """See the port. A statement that failed has changed nothing, unless it could not share a transaction."""
        _check_text(order)
        reads = order.manifest.proof is Proof.READ
        session = await self._open(order, reads=reads)
        started = self._clock.now()
        caps = Caps(rows=self._config.max_rows, size_bytes=self._config.output_cap_bytes)
        command = order.command
        try:
            if reads:
                work = session.read(command.text, command.bound, caps)
            else:
                work = session.change(command.text, command.bound, token=order.token, rows=command.rows, caps=caps)
            result = await self._within(command.timeout_s + self._config.slack_s, work)
        except TokenHeld:
            raise TokenTaken(f"The start token {order.token} is taken; it was not started here.") from None
        except Refused as error:
            raise ExecutionError(f"It was not started: {error}; nothing was sent.", fix=error.fix) from None
        except StatementFailed as error:
            changed = None if error.stays else False
            return self._failed(order, started, str(error), timed_out=error.timed_out, changed=changed)
        except TimeoutError:
            await self._end(session.stop())
            if reads:
                return self._failed(order, started, "the server did not end it in time", timed_out=True, changed=False)
            return await self._told_by_marker(order, started, "the server did not answer in time")
        except ConnectionGone as error:
            return await self._told_by_marker(order, started, str(error))
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.ensure_future(self._end(session.stop())))
            raise
        finally:
            await self._end(session.close())
        return self._outcome(order, started, result)

    async def trace(self, order: Order) -> Trace:
        """Take the marker, or read what it holds; a read is left to be run again. UnavailableError."""
        if order.manifest.proof is Proof.READ:
            return Trace(traced=Traced.UNKNOWN)
        try:
            session = await self._open(order, reads=False, tracing=True)
        except ExecutionError as error:
            raise UnavailableError(f"What became of it cannot be told now: {error.message}", fix=error.fix) from error
        try:
            limit = order.patience_s + order.command.timeout_s + self._config.lock_timeout_s + self._config.slack_s
            found = await self._within(limit, session.outcome(order.token, order.patience_s))
        except TimeoutError:
            raise UnavailableError(
                "What became of it cannot be told now: the server does not answer.", fix="Look at the server."
            ) from None
        except (StatementFailed, ConnectionGone, Refused) as error:
            why = self._clean(order, str(error))
            fix = error.fix if isinstance(error, Refused) else "Look at the server."
            raise UnavailableError(f"What became of it cannot be told now: {why}.", fix=fix) from None
        finally:
            await self._end(session.close())
        if found == NEVER:
            return Trace(traced=Traced.NEVER_STARTED)
        if found is None:
            return Trace(traced=Traced.UNKNOWN)
        return Trace(traced=Traced.FINISHED, outcome=self._outcome(order, self._clock.now(), recorded(found)))

    async def detach(self, run_id: str) -> None:
        """A statement cannot be left alone: its transaction ends with our connection, and its marker says how."""

    async def keep(self, order: Order, path: str) -> Kept:
        """There are no files here. ExecutionError."""
        raise ExecutionError(
            f"{path} cannot be saved: {order.connection.name} is a database.",
            fix="Capture the value in an earlier step, and write it back in `undo`.",
        )

    async def release(self, run_id: str) -> None:
        """Nothing is held between two statements."""

    async def forget(self, run_id: str) -> None:
        """Markers stay in the database they belong to; they are a few bytes, and a person may delete old ones."""

    def check(self, connection: Connection) -> None:
        """Refuse a registration that cannot work. InputError."""
        where = urlsplit(connection.address)
        if where.scheme not in _OPTIONS or not where.hostname or not where.path.strip("/"):
            raise InputError(
                f"{connection.address!r} is not the address of a database.",
                fix="Write postgresql://HOST:PORT/DATABASE or mysql://HOST:PORT/DATABASE, without a password.",
            )
        if where.username or where.password or where.query:
            raise InputError("The address holds more than host, port and database.", fix="The credential has the user.")
        if not connection.credential and not connection.read_credential:
            raise InputError("No credential is named.", fix="Name --read-credential, and --credential for effects.")
        unknown = set(connection.options) - _OPTIONS[where.scheme]
        if unknown:
            raise InputError(f"Unknown option {', '.join(sorted(unknown))}.", fix=f"Known: {_OPTIONS[where.scheme]}.")
        if connection.options.get("sslmode", "disable") not in _SSLMODES:
            raise InputError("sslmode is not known.", fix=f"Use one of {', '.join(_SSLMODES)}.")
        if not _SCHEMA.fullmatch(connection.options.get("marker_schema", "public")):
            raise InputError("marker_schema is no name of a schema.", fix="Write letters, digits and _ only.")

    async def test(self, connection: Connection, login: Login | None) -> Tested:
        """Connect with that account and ask who it is."""
        if login is None:
            return Tested(ok=False, text="No credential opens it.", fix="Name one in the connection.")
        try:
            session = await self._session(connection, login, reads=True, timeout_s=5.0, token="test")  # noqa: S106 - a name
            try:
                facts = await self._within(5.0, session.about())
            finally:
                await self._end(session.close())
        except TimeoutError:
            return Tested(ok=False, text="It does not answer.", fix="Look at the server.")
        except (ExecutionError, ConfigurationError) as error:
            return Tested(ok=False, text=error.message, fix=error.fix)
        except (StatementFailed, ConnectionGone) as error:
            return Tested(ok=False, text=f"It answered: {error}", fix="Look at the account's rights.")
        return Tested(ok=True, text=f"{facts['version']} as {facts['user']}; it may {facts['may']}.", facts=facts)

    async def _open(self, order: Order, *, reads: bool, tracing: bool = False) -> Session:
        if order.login is None:
            raise ExecutionError(
                "It was not started: no credential opens this database.", fix="Name one in the connection."
            )
        token = f"trace.{order.token}" if tracing else order.token
        return await self._session(
            order.connection, order.login, reads=reads, timeout_s=order.command.timeout_s, token=token
        )

    async def _session(
        self, connection: Connection, login: Login, *, reads: bool, timeout_s: float, token: str
    ) -> Session:
        """Connect. ExecutionError: nothing was sent. ConfigurationError: a driver is missing."""
        scheme = urlsplit(connection.address).scheme
        try:
            if scheme == "postgresql":
                from opsagent.adapters.executors.sql.postgresql import open_session as opens
            else:
                from opsagent.adapters.executors.sql.mysql import open_session as opens  # type: ignore[assignment]
        except ImportError as error:
            raise ConfigurationError(
                "The database drivers are not installed.", fix="pip install 'opsagent[sql]'"
            ) from error
        try:
            opening = opens(connection, login, self._config, reads=reads, timeout_s=timeout_s, token=token)
            return await self._within(self._config.connect_timeout_s, opening)
        except TimeoutError:
            raise _not_started(connection, f"no answer within {self._config.connect_timeout_s:g} s") from None
        except (StatementFailed, ConnectionGone) as error:
            raise _not_started(connection, self._redactor(str(error))) from None
        except _driver_errors(scheme) as error:
            raise _not_started(connection, self._redactor(_hidden(error, login))) from None

    async def _within(self, seconds: float, work: Coroutine[Any, Any, _T]) -> _T:
        return await within(seconds, work, grace_s=self._config.close_timeout_s)

    async def _end(self, ending: Coroutine[Any, Any, None]) -> None:
        """Stop or close, as far as the server lets us."""
        with contextlib.suppress(TimeoutError):
            await self._within(self._config.close_timeout_s, ending)

    async def _told_by_marker(self, order: Order, started: float, why: str) -> Outcome:
        """The connection broke: the marker knows whether it was kept, if the server can still be asked."""
        if order.manifest.proof is Proof.READ:
            return self._failed(order, started, why, timed_out=False, changed=False)
        try:
            trace = await self.trace(order)
        except UnavailableError:
            return self._lost(order, started, why)
        if trace.outcome is not None:
            return trace.outcome
        if trace.traced is Traced.NEVER_STARTED:
            return self._failed(order, started, why, timed_out=False, changed=False)
        return self._lost(order, started, why)

    def _outcome(self, order: Order, started: float, result: Result) -> Outcome:
        lines = ["\t".join(r"\N" if one is None else _escaped(one) for one in row) for row in result.rows]
        if not result.columns and order.manifest.proof is not Proof.READ:
            lines = [f"rows: {result.changed}"]
        text = self._clean(order, "\n".join(lines) + ("\n" if lines else ""))
        words = f"{len(result.rows)} rows of {', '.join(result.columns)}." if result.columns else ""
        if result.cut:
            words += f" There are more: at most {self._config.max_rows} rows are shown."
        return Outcome(
            exit_code=0,
            stdout=text,
            started_at=started,
            ended_at=self._clock.now(),
            truncated=result.cut,
            backend=urlsplit(order.connection.address).scheme,
            changed=False if order.manifest.proof is Proof.READ else None,
            note=words.strip(),
        )

    def _failed(self, order: Order, started: float, why: str, *, timed_out: bool, changed: bool | None) -> Outcome:
        return Outcome(
            exit_code=1,
            stderr=self._clean(order, why),
            started_at=started,
            ended_at=self._clock.now(),
            timed_out=timed_out,
            backend=urlsplit(order.connection.address).scheme,
            changed=changed,
            note="" if order.manifest.proof is Proof.READ else _STAYS if changed is None else "It was rolled back.",
        )

    def _lost(self, order: Order, started: float, why: str) -> Outcome:
        return Outcome(
            exit_code=None,
            stderr=self._clean(order, why),
            started_at=started,
            ended_at=self._clock.now(),
            backend=urlsplit(order.connection.address).scheme,
            known=False,
            note="The connection broke: it may have been kept. Its marker in the database says so.",
        )

    def _clean(self, order: Order, text: str) -> str:
        for secret in order.login.secret_values if order.login else ():
            text = text.replace(secret, "[redacted]")
        return self._redactor(text)


def _check_text(order: Order) -> None:
    """One statement, and none that would end our transaction. ExecutionError: nothing was sent."""
    if order.command.executor != NAME:
        raise ExecutionError(f"A {order.command.executor} command cannot be run by {NAME}; nothing was started.")
    bare = code_of(order.command.text, urlsplit(order.connection.address).scheme)
    if ";" in bare.rstrip().removesuffix(";"):
        raise ExecutionError("It holds more than one statement; nothing was sent.", fix="Give each a step of its own.")
    if _OWN.match(bare):
        raise ExecutionError(
            "It would begin or end a transaction, which OpsAgent does itself; nothing was sent.",
            fix="Leave it out: each step is one transaction.",
        )


def _driver_errors(scheme: str) -> tuple[type[Exception], ...]:
    if scheme == "postgresql":
        import psycopg

        return (psycopg.Error, OSError)
    from asyncmy import errors

    return (errors.MySQLError, OSError)


def _not_started(connection: Connection, why: str) -> ExecutionError:
    return ExecutionError(
        f"It was not started: {connection.name} cannot be reached: {why.strip().rstrip('.')}.",
        fix=f"Look with: opsagent connections test {connection.name}",
    )


def _hidden(error: Exception, login: Login) -> str:
    text = str(error)
    for secret in login.secret_values:
        text = text.replace(secret, "[redacted]")
    return text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
