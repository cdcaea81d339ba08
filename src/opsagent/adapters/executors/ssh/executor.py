"""Runs commands on other machines over SSH: a read on the read account, an effect once per start token on the host."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from opsagent.adapters.executors.ssh import kept, outcomes
from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.executors.ssh.exchange import SLACK_S, Broken, Exchange, Late, Request
from opsagent.adapters.executors.ssh.frames import Answer
from opsagent.adapters.executors.ssh.registration import check_registration, hops
from opsagent.adapters.executors.ssh.sessions import Sessions
from opsagent.adapters.executors.ssh.trial import tested
from opsagent.adapters.executors.variables import permitted
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.errors import ConfigurationError, ExecutionError, OpsAgentError, TokenTaken, UnavailableError
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.executor import Kept, Order, Trace, Traced
from opsagent.ports.redact import Redactor
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

NAME = "ssh"
_ENDING_S = 8.0  # what `remote.sh` may need beyond the grace to end a command, see `settle` there


class SshExecutor:
    """Executes over SSH (ports/executor.py, ports/target.py). An effect lives on when the connection does not."""

    def __init__(
        self, config: SshConfig, *, clock: Clock, ids: Ids, redactor: Redactor, artifacts: ArtifactStore
    ) -> None:
        self._config, self._clock = config, clock
        self._sessions = Sessions(config)
        self._exchange = Exchange(config=config, sessions=self._sessions, ids=ids)
        self._shaping = outcomes.Shaping(
            clock=clock, redactor=redactor, artifacts=artifacts, cap_bytes=config.output_cap_bytes
        )
        self._detached: set[str] = set()

    @property
    def tokens_at_target(self) -> bool:
        """They lie there."""
        return True

    @property
    def backend(self) -> str:
        """Nothing is held in here: the account on the host is what limits a command."""
        return "ssh account"

    @property
    def exchange(self) -> Exchange:
        """For those who ask hosts other things than to run a command."""
        return self._exchange

    @property
    def sessions(self) -> Sessions:
        """For those who have other programs on the same hosts."""
        return self._sessions

    async def close(self) -> None:
        """Let go of every connection; effects that run go on."""
        await self._sessions.close()

    async def run(self, order: Order) -> Outcome:
        """See the port. An effect whose connection breaks is looked up at once, by a new connection.

        UnavailableError: it was sent, and its host cannot be asked now what became of it; `trace` can, later.
        """
        request = self._request(order)
        started = self._clock.now()
        limit_s = order.command.timeout_s + self._config.grace_s + _ENDING_S + SLACK_S
        reads = order.manifest.proof is Proof.READ
        try:
            if reads:
                said = await self._exchange.read(order.connection, order.login, request, within_s=limit_s)
                return await self._shaping.read(order, said, started)
            answer = await self._exchange.ask(order.connection, order.login, request, within_s=limit_s)
        except asyncio.CancelledError:
            await self._cancelled(order, reads=reads)
            raise
        except Broken as error:
            if reads:
                await self._end(order)
                return self._shaping.failed_read(order, started, str(error), timed_out=isinstance(error, Late))
            left_s = max(0.0, started + order.command.timeout_s + self._config.grace_s - self._clock.now())
            return await self._looked_up(replace(order, patience_s=left_s), str(error))
        return await self._answered(order, answer, started)

    async def trace(self, order: Order) -> Trace:
        """Take the token on the host, or read what it holds; a read is left to be run again. UnavailableError."""
        if order.manifest.proof is Proof.READ:
            await self._end(order)
            return Trace(traced=Traced.UNKNOWN)
        self._detached.discard(order.run_id)
        allowed_s = order.command.timeout_s + self._config.grace_s + _ENDING_S
        patience_s = min(order.patience_s, allowed_s)
        request = Request(mode="settle", token=order.token, patience_s=patience_s)
        within_s = patience_s + self._config.grace_s + _ENDING_S + SLACK_S
        try:
            answer = await self._exchange.ask(order.connection, order.login, request, within_s=within_s)
        except (ExecutionError, ConfigurationError) as error:
            raise UnavailableError(f"What became of it cannot be told now: {error.message}", fix=error.fix) from error
        except Broken as error:
            why = self._shaping.clean(order, str(error))
            raise UnavailableError(f"What became of it cannot be told now: {why}.", fix="Look at the host.") from None
        if answer.state == "never":
            return Trace(traced=Traced.NEVER_STARTED)
        if answer.state == "refused":
            raise UnavailableError(
                f"What became of it cannot be told now: {self._shaping.clean(order, answer.words)}.",
                fix="Look at the folder of the start tokens there, and at the disk.",
            )
        outcome = await self._shaping.effect(order, answer)
        return Trace(traced=Traced.FINISHED if outcome.known else Traced.UNKNOWN, outcome=outcome)

    async def detach(self, run_id: str) -> None:
        """The effect goes on by itself on its host (see the port)."""
        self._detached.add(run_id)

    async def keep(self, order: Order, path: str) -> Kept:
        """What a file there holds, by SFTP with the effect's own account (see the port)."""
        library_errors = kept.errors()
        try:
            async with asyncio.timeout(60 + SLACK_S), self._sessions.use(order.connection, order.login) as held:
                return await kept.keep_remote(held, path)
        except library_errors as error:
            why = "the host did not answer in time" if isinstance(error, TimeoutError) else str(error).rstrip(".")
            raise kept.cannot(path, self._shaping.clean(order, why)) from None

    async def release(self, run_id: str) -> None:
        """A run keeps nothing on a host but its tokens."""
        self._detached.discard(run_id)

    async def forget(self, run_id: str) -> None:
        """Tokens stay on the hosts they belong to, a few bytes each; their outputs go a week after."""
        self._detached.discard(run_id)

    def check(self, connection: Connection) -> None:
        """Refuse a registration that cannot work. InputError."""
        check_registration(connection)

    async def test(self, connection: Connection, login: Login | None) -> Tested:
        """Log in and look what is there."""
        return await tested(self._exchange, connection, login)

    def _request(self, order: Order) -> Request:
        """What is asked of the host. ExecutionError: nothing was sent."""
        command = order.command
        if command.executor != NAME:
            raise ExecutionError(f"A {command.executor} command cannot be run by {NAME}; nothing was started.")
        if command.uid is not None:
            raise ExecutionError(
                "It names a user to run as, and over SSH that is the account's; nothing was started.",
                fix=f"Register {hops(order.connection)[-1].host} with the account it needs, or leave the user out.",
            )
        if "\0" in command.text:
            raise ExecutionError("Its text holds a NUL character; nothing was started.", fix="Write it without.")
        stdin = command.stdin.encode(errors="surrogatepass") if order.stdin is None else order.stdin
        return Request(
            mode="read" if order.manifest.proof is Proof.READ else "run",
            token=order.token,
            cwd=command.cwd,
            limit_s=command.timeout_s,
            text=command.text,
            stdin=stdin,
            files=command.files,
            environment=tuple(permitted(command.environment).items()),
        )

    async def _answered(self, order: Order, answer: Answer, started: float) -> Outcome:
        """The outcome in an answer. TokenTaken, ExecutionError: it was not started."""
        if answer.state == "taken":
            raise TokenTaken(f"The start token {order.token} is taken; it was not started here.")
        if answer.state == "refused":
            raise ExecutionError(
                f"It was not started: {self._shaping.clean(order, answer.words)}.",
                fix=f"Look with: opsagent connections test {order.connection.name}",
            )
        if answer.state == "lost":
            return await self._looked_up(order, "how it ended could not be written down on the host")
        return await self._shaping.effect(order, answer, started)

    async def _looked_up(self, order: Order, why: str) -> Outcome:
        """It may have happened: the host knows. UnavailableError: not now. ExecutionError: it never will start."""
        trace = await self.trace(order)
        if trace.outcome is not None:
            return trace.outcome
        raise ExecutionError(f"It was not started: {why}.", fix="Start the step again when the cause is gone.")

    async def _cancelled(self, order: Order, *, reads: bool) -> None:
        """End what runs, unless the worker stops and leaves effects to their hosts."""
        if order.run_id in self._detached and not reads:
            return
        ending = asyncio.ensure_future(self._end(order) if reads else self._ended_by_token(order))
        while not ending.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(ending)

    async def _ended_by_token(self, order: Order) -> None:
        with contextlib.suppress(OpsAgentError):
            await self.trace(replace(order, patience_s=0.0))

    async def _end(self, order: Order) -> None:
        """End a read that may still run there; a host that cannot be reached keeps its own time limit."""
        request = Request(mode="end", token=order.token)
        within_s = self._config.grace_s + _ENDING_S
        with contextlib.suppress(OpsAgentError, Broken):
            await self._exchange.ask(order.connection, order.login, request, within_s=within_s)
