"""Hashes of the files a command would execute on a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.adapters.executors.ssh.exchange import SLACK_S, Broken, Exchange, Request
from opsagent.domain.connection import Connection
from opsagent.errors import ExecutionError, Forbidden, NotFound, UnavailableError
from opsagent.ports.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class SshFileHashes:
    """Fulfils `ports.files.FileHashes` for hosts."""

    exchange: Exchange
    secrets: Secrets

    async def __call__(
        self,
        paths: Sequence[str],
        connection: Connection,
        *,
        run_id: str = "",  # noqa: ARG002 - the port's; a host has no folder of a run
        cwd: str = "",
    ) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256) of each, sorted; relative paths start at `cwd`, that at the account's home.

        UnavailableError: the host cannot be asked now; it must not look as if the files had changed.
        """
        wanted = sorted(set(paths))
        name = connection.read_credential or connection.credential
        request = Request(mode="hash", cwd=cwd, files=tuple((path, "") for path in wanted))
        try:
            login = await self.secrets.open(connection.tenant, name, connection)
            answer = await self.exchange.ask(connection, login, request, within_s=2 * SLACK_S)
        except (ExecutionError, Forbidden, NotFound) as error:
            raise UnavailableError(f"{connection.name} cannot be asked: {error.message}", fix=error.fix) from error
        except Broken as error:
            raise UnavailableError(f"{connection.name} cannot be asked: {error}.", fix="Look at the host.") from error
        hashes = answer.words.split()
        if answer.state != "hashes" or len(hashes) != len(wanted):
            raise UnavailableError(f"{connection.name} gave no hashes.", fix="Look at its start-up files.")
        return tuple(sorted(zip(wanted, hashes, strict=True)))
