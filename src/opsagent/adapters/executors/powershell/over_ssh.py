"""PowerShell over SSH: a program is started on the host, the script goes to its standard input."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from opsagent.adapters.executors.powershell.link import Lost
from opsagent.adapters.executors.powershell.script import command_line, on_stdin
from opsagent.adapters.executors.ssh.registration import ssh_library
from opsagent.adapters.executors.ssh.sessions import Sessions
from opsagent.adapters.executors.ssh.streams import Taken, take
from opsagent.domain.connection import Connection
from opsagent.errors import ExecutionError
from opsagent.ports.secrets import Login

PROGRAMS = ("powershell", "pwsh")
_MOST_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class SshLink:
    """Fulfils `link.Link` over the connections of the SSH executor."""

    sessions: Sessions

    async def say(self, connection: Connection, login: Login, script: str, limit_s: float) -> str:
        """See the port. Ending the channel ends the program: Windows' sshd keeps its children in one job."""
        library = ssh_library()
        program = connection.options.get("program", PROGRAMS[0])
        stdout, stderr = Taken(_MOST_BYTES, 1), Taken(4096, 1)
        async with self.sessions.use(connection, login) as held:
            try:
                process = await held.create_process(command_line(program), encoding=None)
            except (library.Error, OSError) as error:
                raise ExecutionError(
                    f"It was not started: the host opens no session ({str(error).strip().rstrip('.')}).",
                    fix="Look at its sshd.",
                ) from None
            try:
                async with asyncio.timeout(limit_s), asyncio.TaskGroup() as both:
                    both.create_task(take(process.stdout, stdout))
                    both.create_task(take(process.stderr, stderr))
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        process.stdin.write(on_stdin(script))
                        await process.stdin.drain()
                        process.stdin.write_eof()
            except* (library.Error, OSError, TimeoutError) as group:
                raise Lost(str(group.exceptions[0]).strip().rstrip(".") or "the host did not answer in time") from None
            finally:
                process.close()
        said = bytes(stdout.head).decode("utf-8", "replace")
        if not said.strip():
            words = bytes(stderr.head).decode("utf-8", "replace").strip()
            raise Lost(f"{program} said nothing ({words[:300]})" if words else f"{program} said nothing")
        return said
