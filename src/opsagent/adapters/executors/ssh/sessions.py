"""Connections to hosts: one for each account, shared by a few commands at a time, closed when nobody needs them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.executors.ssh.registration import Hop, hops, identity_of, ssh_library, trusted
from opsagent.domain.connection import Connection
from opsagent.errors import ExecutionError
from opsagent.ports.secrets import Login

if TYPE_CHECKING:
    import asyncssh

Key = tuple[str, str, int, str, int]


@dataclass(slots=True, kw_only=True)
class _Line:
    """One account on one host: its connection when it is open, and who may use it."""

    slots: asyncio.Semaphore
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    way: list[asyncssh.SSHClientConnection] = field(default_factory=list)
    users: int = 0
    closing: asyncio.TimerHandle | None = None


class Sessions:
    """Every open connection of this process."""

    def __init__(self, config: SshConfig) -> None:
        self._config = config
        self._lines: dict[Key, _Line] = {}

    @contextlib.asynccontextmanager
    async def use(self, connection: Connection, login: Login | None) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """A connection with room for one more command. ExecutionError: nothing was sent."""
        if login is None:
            raise ExecutionError(
                f"It was not started: no credential opens {connection.name}.", fix="Name one in the connection."
            )
        key = (connection.tenant, connection.id, connection.version, login.name, login.version)
        line = self._lines.get(key)
        if line is None:
            at_once = int(connection.options.get("at_once", self._config.at_once))
            line = self._lines[key] = _Line(slots=asyncio.Semaphore(at_once))
        line.users += 1
        if line.closing is not None:
            line.closing.cancel()
            line.closing = None
        try:
            async with line.slots:
                async with line.opening:
                    if not line.way or line.way[-1].is_closed():
                        _close(line)
                        line.way = await self._connect(connection, login)
                yield line.way[-1]
        finally:
            line.users -= 1
            if not line.users:
                line.closing = asyncio.get_running_loop().call_later(self._config.idle_s, self._forget, key)

    async def close(self) -> None:
        """Close all of them: the server stops."""
        for key in list(self._lines):
            self._forget(key)

    def _forget(self, key: Key) -> None:
        line = self._lines.pop(key, None)
        if line is not None:
            if line.closing is not None:
                line.closing.cancel()
            _close(line)

    async def _connect(self, connection: Connection, login: Login) -> list[asyncssh.SSHClientConnection]:
        way: list[asyncssh.SSHClientConnection] = []
        with contextlib.ExitStack() as unless_reached:
            for hop in hops(connection):
                way.append(await self.connect(hop, login, way[-1] if way else None))
                unless_reached.callback(way[-1].close)
            unless_reached.pop_all()
        return way

    async def connect(
        self, hop: Hop, login: Login, tunnel: asyncssh.SSHClientConnection | None = None
    ) -> asyncssh.SSHClientConnection:
        """Log in on one machine, with the registered key and nothing else. ExecutionError: nothing was sent."""
        library, config = ssh_library(), self._config
        user = hop.user or login.values.get("username", "")
        if not user:
            raise ExecutionError(
                f"It was not started: nobody says as whom to log in on {hop.host}.",
                fix="Write ssh://USER@HOST in the connection's address.",
            )
        key = identity_of(login)
        try:
            async with asyncio.timeout(2 * config.connect_timeout_s):
                made: asyncssh.SSHClientConnection = await library.connect(
                    hop.host,
                    hop.port,
                    tunnel=tunnel or (),
                    config=None,
                    known_hosts=trusted(hop),
                    x509_trusted_certs=None,
                    x509_trusted_cert_paths=[],
                    username=user,
                    client_keys=[key],
                    agent_path=None,
                    agent_forwarding=False,
                    x11_forwarding=False,
                    preferred_auth=("publickey",),
                    password_auth=False,
                    kbdint_auth=False,
                    host_based_auth=False,
                    gss_auth=False,
                    gss_kex=False,
                    connect_timeout=config.connect_timeout_s,
                    login_timeout=config.connect_timeout_s,
                    keepalive_interval=config.keepalive_s,
                    keepalive_count_max=3,
                )
                return made
        except (library.Error, OSError, ValueError) as error:
            raise _refused(hop, user, error) from None


def _close(line: _Line) -> None:
    for one in line.way:
        one.close()
    line.way = []


def said(error: BaseException) -> str:
    """An error's words, which may be the other side's: one short line that can be seen."""
    line = " ".join(str(error).split())
    return "".join(one for one in line if one.isprintable())[:200].rstrip(".")


def _refused(hop: Hop, user: str, error: Exception) -> ExecutionError:
    """Why nobody was reached, in words. A `TimeoutError` is an `OSError`."""
    library = ssh_library()
    if isinstance(error, library.HostKeyNotVerifiable):
        return ExecutionError(
            f"It was not started: {hop.host} answers with another host key than the registered one.",
            fix="If it was set up anew, compare its key there and register that; if not, somebody stands in between.",
        )
    if isinstance(error, library.PermissionDenied):
        return ExecutionError(
            f"It was not started: {hop.host} does not let {user} in with this key.",
            fix="Put its public key into authorized_keys there, or look whether the certificate has expired.",
        )
    why = "it did not answer in time" if isinstance(error, TimeoutError) else said(error)
    return ExecutionError(
        f"It was not started: {hop.host}:{hop.port} cannot be reached: {why}.",
        fix="Look whether the host is up and its firewall lets this machine in.",
    )
