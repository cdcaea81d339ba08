"""What `connections test` sees of a host."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from opsagent.adapters.executors.ssh.exchange import SLACK_S, Broken, Exchange, Late, Request
from opsagent.adapters.executors.ssh.registration import hops, ssh_library
from opsagent.domain.connection import Connection
from opsagent.errors import OpsAgentError
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

if TYPE_CHECKING:
    import asyncssh


async def tested(exchange: Exchange, connection: Connection, login: Login | None) -> Tested:
    """Log in, see who we are there and what is missing."""
    try:
        answer = await exchange.ask(connection, login, Request(mode="probe"), within_s=2 * SLACK_S)
    except OpsAgentError as error:
        presented = await _presented(connection) if "another host key" in error.message else ""
        return Tested(ok=False, text=f"{error.message} {presented}".strip(), fix=error.fix)
    except Late:
        return Tested(ok=False, text="It did not answer in time.", fix="Look at its load, and at its start-up files.")
    except Broken:
        return Tested(ok=False, text="It lets us in, and runs no bash.", fix="Install bash there, and let it run it.")
    user, system, shell, *missing = answer.words.split()
    facts = {"user": user, "system": system.replace("_", " "), "shell": shell}
    if missing:
        lacking = ", ".join(missing)
        return Tested(
            ok=False,
            text=f"It lets {user} in, and lacks {lacking}.",
            fix="Install coreutils, gawk and procps.",
            facts=facts,
        )
    guard = " It may do anything there; an account of its own for reads is the better guard." if user == "root" else ""
    return Tested(ok=True, text=f"{facts['system']} as {user}, {shell}.{guard}", facts=facts)


async def _presented(connection: Connection) -> str:
    """The key the host shows, for a person to compare; nothing where it shows none."""
    library, way = ssh_library(), hops(connection)
    if len(way) > 1:  # behind a jump host nobody shows it to us
        return ""
    hop = way[0]
    with contextlib.suppress(library.Error, OSError):
        async with asyncio.timeout(SLACK_S):
            key: asyncssh.SSHKey | None = await library.get_server_host_key(hop.host, hop.port, config=None)
        if key is not None:
            return f"It shows {key.get_algorithm()} {key.get_fingerprint()}."
    return ""
