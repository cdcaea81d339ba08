"""PowerShell over WinRM (PSRP), by pypsrp: always TLS, always with a checked certificate."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opsagent.adapters.executors.powershell.config import PowerShellConfig
from opsagent.adapters.executors.powershell.link import Lost
from opsagent.domain.connection import DEFAULT_PORTS, Connection
from opsagent.domain.powershell_plain import PlainCall
from opsagent.errors import ConfigurationError, ExecutionError
from opsagent.ports.secrets import Login

AUTHS = ("negotiate", "ntlm", "kerberos", "basic")
_AT_ONCE = 8  # threads of our own: waiting for Windows must not hold up those that read files
_POLL_S = 2  # how often a waiting thread looks whether it is to stop; WS-Management takes whole seconds
_CONSTANTS = {"$true": True, "$false": False, "$null": None}


@dataclass(slots=True)
class _Work:
    """One pipeline: `sent` once the host may have it, `stopping` when nobody waits for it any more."""

    sent: bool = False
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a JEA endpoint gave: each object as text, each error, and whether it failed."""

    output: str
    errors: str
    failed: bool


@dataclass(frozen=True, slots=True)
class WinRmLink:
    """Fulfils `link.Link`. pypsrp waits in a thread of ours; a cancelled call ends its pipeline there."""

    config: PowerShellConfig
    ca_file: Path | None = None
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, "winrm"))

    async def say(self, connection: Connection, login: Login, script: str, limit_s: float) -> str:
        """See the port."""
        shell = await self._through(connection, login, lambda shell: shell.add_script(script), limit_s)
        return "\n".join(str(one) for one in shell.output)

    async def call(self, connection: Connection, login: Login, calls: Sequence[PlainCall], limit_s: float) -> Said:
        """Run one pipeline of commands by name, as an endpoint without language (JEA) takes them. As `say`."""
        shell = await self._through(connection, login, lambda shell: add_calls(shell, calls), limit_s)
        errors = "\n".join(str(one) for one in shell.streams.error)
        output = "\n".join(_as_text(one) for one in shell.output)
        return Said(output, errors, failed=bool(shell.had_errors or errors))

    async def _through(
        self, connection: Connection, login: Login, fill: Callable[[Any], object], limit_s: float
    ) -> Any:
        work = _Work()
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self.threads, self._work, connection, login, fill, work)
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(running)
        except (TimeoutError, asyncio.CancelledError) as error:
            work.stopping = True
            with suppress(Lost, ExecutionError, ConfigurationError):
                await asyncio.shield(running)
            if isinstance(error, TimeoutError):
                raise Lost("the host did not answer in time") from None
            raise

    def _work(self, connection: Connection, login: Login, fill: Callable[[Any], object], work: _Work) -> Any:
        try:
            import requests
            from pypsrp.complex_objects import PSInvocationState
            from pypsrp.exceptions import WinRMError
            from pypsrp.powershell import PowerShell, RunspacePool
        except ImportError as error:
            raise ConfigurationError("pypsrp is not installed.", fix="pip install 'opsagent[windows]'") from error
        with tempfile.TemporaryDirectory(prefix="opsagent-ca-") as folder:
            try:
                with self._wsman(connection, login, Path(folder)) as wsman:
                    name = connection.options.get("configuration_name", "Microsoft.PowerShell")
                    with RunspacePool(wsman, configuration_name=name) as pool:
                        shell = PowerShell(pool)
                        fill(shell)
                        work.sent = True
                        shell.begin_invoke()
                        while shell.state == PSInvocationState.RUNNING and not work.stopping:
                            shell.poll_invoke(timeout=_POLL_S)
                        if shell.state == PSInvocationState.RUNNING:
                            shell.stop()
                            raise Lost("it was stopped")
                        return shell
            except (WinRMError, requests.RequestException, OSError, ValueError) as error:
                raise _failed(connection, work, error) from None

    def _wsman(self, connection: Connection, login: Login, folder: Path) -> Any:
        from pypsrp.wsman import WSMan

        where, options = urlsplit(connection.address), connection.options
        trusted: Any = str(self.ca_file) if self.ca_file else True  # requests takes the path of a bundle here too
        if options.get("certificate"):
            trusted = str(folder / "certificate.pem")
            Path(trusted).write_text(options["certificate"], "ascii")
        return WSMan(
            where.hostname or "",
            port=where.port or DEFAULT_PORTS["winrm"],
            username=login.values.get("username"),
            password=login.values.get("password"),
            ssl=True,
            auth=options.get("auth", AUTHS[0]),
            cert_validation=trusted,
            connection_timeout=int(self.config.connect_timeout_s),
            read_timeout=int(self.config.connect_timeout_s) + _POLL_S,
            operation_timeout=int(self.config.connect_timeout_s),
            no_proxy=True,
        )


def add_calls(shell: Any, calls: Sequence[PlainCall]) -> None:
    """The commands of one pipeline, by name. ExecutionError: it has what only a script could say."""
    for call in calls:
        shell.add_cmdlet(call.name)
        waiting = ""
        for one in call.arguments:
            if one.written:
                raise ExecutionError(
                    f"It was not started: this endpoint takes no blocks ({one.written[:40]}).",
                    fix="Filter what comes back in `expect`, or register a role function that filters.",
                )
            if one.parameter:
                if waiting:
                    shell.add_parameter(waiting)
                waiting = one.parameter
                continue
            values = [_CONSTANTS.get(value.lower(), value) for value in one.values]
            value = values[0] if len(values) == 1 else values
            if waiting:
                shell.add_parameter(waiting, value)
                waiting = ""
            else:
                shell.add_argument(value)
        if waiting:
            shell.add_parameter(waiting)


def _as_text(one: Any) -> str:
    """An object of the host in words: its own, or its properties, a line each."""
    if one is None or isinstance(one, str | int | float | bool):
        return "" if one is None else str(one)
    properties = getattr(one, "adapted_properties", None) or {}
    properties = {**properties, **(getattr(one, "extended_properties", None) or {})}
    if not properties:
        return str(one)
    return "\n".join(f"{name}: {value}" for name, value in properties.items()) + "\n"


def _failed(connection: Connection, work: _Work, error: Exception) -> Exception:
    from pypsrp.exceptions import AuthenticationError

    words = _words(error)
    if work.sent:
        return Lost(words)
    place = urlsplit(connection.address).netloc
    if isinstance(error, AuthenticationError):
        return ExecutionError(
            f"It was not started: {place} does not let this account in.",
            fix="Look at the password, the option auth, and the members of Remote Management Users there.",
        )
    if "certificate" in words.lower():
        return ExecutionError(
            f"It was not started: the certificate of {place} is not trusted.",
            fix="Register its authority's, or its own, as the option certificate (PEM), or set ca_file.",
        )
    return ExecutionError(
        f"It was not started: {place} cannot be reached: {words}.",
        fix="Look whether WinRM listens there with TLS (winrm enumerate winrm/config/listener).",
    )


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text[:300] or type(error).__name__).rstrip(".")
