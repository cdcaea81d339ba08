"""Runs PowerShell on other machines: a read as it is, an effect once per start token where the host can keep one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from opsagent.adapters.executors.local.output import cut, redactor
from opsagent.adapters.executors.powershell.config import PowerShellConfig
from opsagent.adapters.executors.powershell.link import Link, Lost
from opsagent.adapters.executors.powershell.over_winrm import WinRmLink
from opsagent.adapters.executors.powershell.registration import check_registration, is_jea, is_winrm
from opsagent.adapters.executors.powershell.script import Answer, answer_in, script_of
from opsagent.adapters.executors.variables import permitted
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.domain.powershell_plain import NotPlainError, PlainCall, read
from opsagent.errors import ConfigurationError, ExecutionError, TokenTaken, UnavailableError
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.executor import Kept, Order, Trace, Traced
from opsagent.ports.redact import Redactor
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

log = logging.getLogger(__name__)
NAME = "powershell"
_SLACK_S = 30.0  # a Windows host may need that long to start PowerShell
_NO_TOKEN = "This endpoint takes no script, so no start token is kept there: nobody can tell whether it ran."  # noqa: S105 - words


class PowerShellExecutor:
    """Executes over SSH and WinRM (ports/executor.py, ports/target.py)."""

    def __init__(
        self, config: PowerShellConfig, *, ssh: Link, winrm: WinRmLink, clock: Clock, ids: Ids, redactor: Redactor
    ) -> None:
        self._config, self._ssh, self._winrm = config, ssh, winrm
        self._clock, self._ids, self._redactor = clock, ids, redactor
        self._detached: set[str] = set()

    @property
    def tokens_at_target(self) -> bool:
        """They lie there."""
        return True

    @property
    def backend(self) -> str:
        """Nothing is held in here: the account or the endpoint is what limits a command."""
        return "windows account"

    async def run(self, order: Order) -> Outcome:
        """See the port. An effect whose connection broke is asked for at once, where a token was kept."""
        login = _checked(order)
        started = self._clock.now()
        if is_jea(order.connection):
            return await self._by_name(order, login, started)
        reads = order.manifest.proof is Proof.READ
        limit_s = order.command.timeout_s + _SLACK_S
        try:
            answer = await self._ask(order, login, "read" if reads else "run", limit_s)
        except Lost as error:
            if reads:
                return self._outcome(order, started, code=None, stderr=str(error), note="Its answer never came.")
            return await self._asked_again(order, started, str(error))
        except asyncio.CancelledError:
            if not reads and order.run_id not in self._detached:
                await asyncio.shield(self._ended(order))
            raise
        if answer.state == "taken":
            raise TokenTaken(f"The start token {order.token} is taken; it was not started here.")
        if answer.state == "refused":
            raise ExecutionError(
                f"It was not started: {self._clean(order, answer.stderr)}.",
                fix=f"Look with: opsagent connections test {order.connection.name}",
            )
        return self._told(order, answer, started)

    async def trace(self, order: Order) -> Trace:
        """Take the token on the host, or read what it holds; a read is left to be run again. UnavailableError."""
        if order.manifest.proof is Proof.READ or is_jea(order.connection):
            return Trace(traced=Traced.UNKNOWN)
        try:
            answer = await self._ask(order, _login(order), "settle", order.patience_s + _SLACK_S)
        except (ExecutionError, ConfigurationError) as error:
            raise UnavailableError(f"What became of it cannot be told now: {error.message}", fix=error.fix) from error
        except Lost as error:
            why = self._clean(order, str(error))
            raise UnavailableError(f"What became of it cannot be told now: {why}.", fix="Look at the host.") from None
        if answer.state == "never":
            return Trace(traced=Traced.NEVER_STARTED)
        if answer.state == "ran":
            started = self._clock.now() - answer.milliseconds / 1000
            return Trace(traced=Traced.FINISHED, outcome=self._told(order, answer, started))
        if answer.state == "unknown":
            return Trace(traced=Traced.UNKNOWN)
        why = self._clean(order, answer.stderr)
        raise UnavailableError(f"What became of it cannot be told now: {why}.", fix="Look at the folder of its tokens.")

    async def detach(self, run_id: str) -> None:
        """A command ends with its connection on Windows; its token says how far it came."""
        self._detached.add(run_id)

    async def keep(self, order: Order, path: str) -> Kept:
        """Files of Windows are not kept yet. ExecutionError."""
        raise ExecutionError(
            f"{path} cannot be saved: that is not done for {order.connection.name}, a PowerShell target.",
            fix="Copy the file in a step of its own, and copy it back in `undo`.",
        )

    async def release(self, run_id: str) -> None:
        """Nothing is held between two commands."""
        self._detached.discard(run_id)

    async def forget(self, run_id: str) -> None:
        """Tokens stay on their hosts, a few bytes each, with the output of effects; a person may delete old ones."""
        self._detached.discard(run_id)

    def check(self, connection: Connection) -> None:
        """Refuse a registration that cannot work. InputError."""
        check_registration(connection)

    async def test(self, connection: Connection, login: Login | None) -> Tested:
        """Log in and ask who we are; a JEA endpoint is asked for its commands."""
        if login is None:
            return Tested(ok=False, text="No credential opens it.", fix="Name one in the connection.")
        clean = redactor(self._redactor, login.secret_values)
        try:
            if is_jea(connection):
                said = await self._winrm.call(connection, login, [PlainCall("Get-Command")], _SLACK_S)
                return Tested(ok=not said.failed, text=f"A JEA endpoint: {len(said.output.split())} words of commands.")
            nonce = self._ids.secret()
            script = script_of(self._fields(connection, nonce, "probe", ""))
            answer = answer_in(await self._link(connection).say(connection, login, script, _SLACK_S), nonce)
        except (ExecutionError, ConfigurationError) as error:
            return Tested(ok=False, text=clean(error.message), fix=error.fix)
        except Lost as error:
            return Tested(ok=False, text=f"It lets us in, and {clean(str(error))}.", fix="Is PowerShell there?")
        if answer is None or answer.state != "ran":
            words = clean(answer.stderr) if answer else "PowerShell answers something else"
            return Tested(
                ok=False, text=f"It lets us in, and cannot run the wrapper: {words}.", fix="See docs/windows."
            )
        return Tested(
            ok=True, text=f"PowerShell {answer.version} on {answer.stdout}.", facts={"version": answer.version}
        )

    def _link(self, connection: Connection) -> Link:
        return self._winrm if is_winrm(connection) else self._ssh

    def _fields(self, connection: Connection, nonce: str, mode: str, token: str) -> dict[str, object]:
        return {
            "nonce": nonce,
            "mode": mode,
            "token": token,
            "state": connection.options.get("state_dir", self._config.state_dir),
            "cap": self._config.full_output_cap_chars,
        }

    async def _ask(self, order: Order, login: Login, mode: str, limit_s: float) -> Answer:
        command, nonce = order.command, self._ids.secret()
        fields = self._fields(order.connection, nonce, mode, order.token) | {
            "text": command.text,
            "cwd": command.cwd,
            "limit": command.timeout_s,
            "patience": order.patience_s,
            "environment": [list(pair) for pair in permitted(command.environment).items()],
        }
        said = await self._link(order.connection).say(order.connection, login, script_of(fields), limit_s)
        answer = answer_in(said, nonce)
        if answer is None:
            raise Lost("the connection ended before the host answered")
        return answer

    async def _by_name(self, order: Order, login: Login, started: float) -> Outcome:
        """On an endpoint that takes commands by name. The limit of time is kept here; no token is."""
        try:
            pipelines = read(order.command.text).pipelines
        except NotPlainError as reason:
            raise ExecutionError(
                f"It was not started: this endpoint takes plain commands only, and {reason}.",
                fix="Write one pipeline of commands with literal arguments.",
            ) from None
        if len(pipelines) != 1:
            raise ExecutionError(
                "It was not started: this endpoint takes one pipeline at a time.", fix="Give each a step of its own."
            )
        try:
            said = await self._winrm.call(order.connection, login, pipelines[0], order.command.timeout_s)
        except Lost as error:
            known = order.manifest.proof is Proof.READ
            note = "Its answer never came." if known else _NO_TOKEN
            return replace(self._outcome(order, started, code=None, stderr=str(error), note=note), known=known)
        return self._outcome(order, started, code=int(said.failed), stdout=said.output, stderr=said.errors)

    async def _ended(self, order: Order) -> None:
        """Nobody waits for this effect any more: end what its token names, if the host can be asked."""
        try:
            async with asyncio.timeout(_SLACK_S):
                await self.trace(replace(order, patience_s=0.0))
        except (UnavailableError, TimeoutError) as error:
            log.warning("the effect %s may still run on %s: %s", order.token, order.connection.name, error)

    async def _asked_again(self, order: Order, started: float, why: str) -> Outcome:
        left_s = max(0.0, started + order.command.timeout_s - self._clock.now())
        lost = replace(
            self._outcome(order, started, code=None, stderr=why, note="The connection broke: it may have run."),
            known=False,
        )
        try:
            trace = await self.trace(replace(order, patience_s=left_s))
        except UnavailableError:
            return lost
        if trace.traced is Traced.NEVER_STARTED:
            return replace(lost, known=True, changed=False, exit_code=1, note="It was never started there.")
        return trace.outcome or lost

    def _told(self, order: Order, answer: Answer, started: float) -> Outcome:
        code = None if answer.late else answer.code
        made = self._outcome(order, started, code=code, stdout=answer.stdout, stderr=answer.stderr)
        return replace(made, timed_out=answer.late)

    def _outcome(
        self, order: Order, started: float, *, code: int | None, stdout: str = "", stderr: str = "", note: str = ""
    ) -> Outcome:
        cap = self._config.output_cap_bytes
        out, err = self._clean(order, stdout), self._clean(order, stderr)
        return Outcome(
            exit_code=code,
            stdout=cut(out, cap),
            stderr=cut(err, cap),
            started_at=started,
            ended_at=self._clock.now(),
            truncated=len(out.encode()) > cap or len(err.encode()) > cap,
            backend="winrm" if is_winrm(order.connection) else "ssh",
            changed=False if order.manifest.proof is Proof.READ else None,
            note=note,
        )

    def _clean(self, order: Order, text: str) -> str:
        return redactor(self._redactor, order.login.secret_values if order.login else ())(text)


def _checked(order: Order) -> Login:
    """ExecutionError: it cannot be run here, nothing was sent."""
    if order.command.executor != NAME:
        raise ExecutionError(f"A {order.command.executor} command cannot be run by {NAME}; nothing was started.")
    if order.stdin is not None or order.command.stdin:
        raise ExecutionError("PowerShell commands take no standard input here; nothing was started.")
    return _login(order)


def _login(order: Order) -> Login:
    if order.login is None:
        raise ExecutionError("It was not started: no credential opens this host.", fix="Name one in the connection.")
    return order.login
