"""One order to one host and its answer, over a connection that may break at any moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.executors.ssh.frames import Answer, decode, encode, remote_command
from opsagent.adapters.executors.ssh.registration import ssh_library
from opsagent.adapters.executors.ssh.sessions import Sessions, said
from opsagent.adapters.executors.ssh.streams import Taken, take
from opsagent.domain.connection import Connection
from opsagent.errors import ExecutionError
from opsagent.ports.clock import Ids
from opsagent.ports.secrets import Login

if TYPE_CHECKING:
    import asyncssh

SLACK_S = 10.0  # how much longer than the host may take we wait for its answer
_WORDS_BYTES = 4096
_AGAIN_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # three seconds in all


class Broken(Exception):
    """The connection ended before the answer was here; it may have been carried out."""


class Late(Broken):
    """It took longer than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `remote.sh` is asked for. Durations in seconds; `files` are (path, expected SHA-256)."""

    mode: str
    token: str = ""
    cwd: str = ""
    limit_s: float = 0.0
    patience_s: float = 0.0
    text: str = ""
    stdin: bytes = b""
    files: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came back for a read: its exit code (None: ended by a signal), and both outputs."""

    code: int | None
    stdout: Taken
    stderr: Taken
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Asks hosts (see remote.sh)."""

    config: SshConfig
    sessions: Sessions
    ids: Ids

    async def ask(self, connection: Connection, login: Login | None, request: Request, *, within_s: float) -> Answer:
        """The answer to a request. ExecutionError: nothing was sent. Broken: it was, and no answer came in time.

        `within_s` runs from the moment there is a connection for it.
        """
        most = 2 * self.config.full_output_cap_bytes + _WORDS_BYTES + 64 * 1024
        stdout = Taken(most, 1)
        nonce = self.ids.secret()
        async with self.sessions.use(connection, login) as held, _in_time(within_s), _running(held) as process:
            await _through(process, self._order(request, connection, nonce), stdout, Taken(_WORDS_BYTES, 1))
            answer = decode(bytes(stdout.head), nonce)
        if answer is None:
            raise Broken("the connection ended before the host answered")
        return answer

    async def read(self, connection: Connection, login: Login | None, request: Request, *, within_s: float) -> Said:
        """Run a read and take what it says directly. The errors of `ask`."""
        cap = self.config.full_output_cap_bytes
        stdout, stderr = Taken(cap, self.config.output_cap_bytes), Taken(cap, self.config.output_cap_bytes)
        nonce = self.ids.secret()
        async with self.sessions.use(connection, login) as held, _in_time(within_s), _running(held) as process:
            await _through(process, self._order(request, connection, nonce), stdout, stderr)
            refused = decode(bytes(stdout.head), nonce)
            if refused is not None and refused.state == "refused":
                return Said(code=None, stdout=stdout, stderr=stderr, refused=refused.words)
            begun = f"\nopsagent {nonce} begin\n".encode()
            for taken in (stdout, stderr):
                before, found, after = bytes(taken.head).partition(begun)
                if not found:
                    raise Broken("the connection ended before the command began")
                taken.head, taken.total = bytearray(after), taken.total - len(before) - len(found)
            if process.exit_status is None:
                raise Broken("the connection ended before the command did")
            signalled = process.exit_status < 0
            return Said(code=None if signalled else process.exit_status, stdout=stdout, stderr=stderr)

    def _order(self, request: Request, connection: Connection, nonce: str) -> bytes:
        config = self.config
        fields = {
            "nonce": nonce,
            "mode": request.mode,
            "token": request.token,
            "state": connection.options.get("state_dir", config.state_dir),
            "cwd": request.cwd,
            "limit": f"{request.limit_s:g}",
            "grace": f"{config.grace_s:g}",
            "cap": str(config.full_output_cap_bytes),
            "patience": f"{request.patience_s:g}",
            "text": request.text,
            "length": str(len(request.stdin)),
        }
        return encode(fields, request.files, request.environment) + request.stdin


@contextlib.asynccontextmanager
async def _in_time(seconds: float) -> AsyncIterator[None]:
    """Late where it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Late("the host did not answer in time") from error


@contextlib.asynccontextmanager
async def _running(held: asyncssh.SSHClientConnection) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
    """The process of one order. ExecutionError where it could not be started; its channel is closed in any case."""
    process = await _opened(held)
    try:
        yield process
    finally:
        process.close()


async def _opened(held: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[bytes]:
    """A process in a session of its own. ExecutionError.

    The host counts a session we have closed until it has noticed: refused ones are asked for again, nothing has begun.
    """
    library = ssh_library()
    for wait_s in _AGAIN_S:
        with contextlib.suppress(library.ChannelOpenError):
            return await _create(held)
        await asyncio.sleep(wait_s)
    return await _create(held, last=True)


async def _create(held: asyncssh.SSHClientConnection, *, last: bool = False) -> asyncssh.SSHClientProcess[bytes]:
    library = ssh_library()
    try:
        return await held.create_process(remote_command(), encoding=None)
    except (library.Error, OSError) as error:
        if isinstance(error, library.ChannelOpenError) and not last:
            raise
        raise ExecutionError(
            f"It was not started: the host opens no session ({said(error)}).",
            fix="Look at MaxSessions of its sshd, or lower at_once in the connection.",
        ) from None


async def _through(process: asyncssh.SSHClientProcess[bytes], order: bytes, stdout: Taken, stderr: Taken) -> None:
    """Send the order and take all that comes. Broken."""
    library = ssh_library()
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(take(process.stdout, stdout))
            both.create_task(take(process.stderr, stderr))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it was refused before it was all read
                process.stdin.write(order)
                await process.stdin.drain()
                process.stdin.write_eof()
        await process.wait_closed()
    except* (library.Error, OSError) as group:
        raise Broken(said(group.exceptions[0]) or "the connection ended") from None
