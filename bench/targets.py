"""Measures what a command costs on a host and in a database, both real and on loopback.

The account on the host has no start-up files: sshd's bash reads them before every command, however long they take.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.executor import AT_ONCE, ROUNDS, TOGETHER, Measured, NoArtifacts, measure
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.sql.executor import SqlExecutor
from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.executors.ssh.executor import SshExecutor
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.ports.executor import Executor, Order
from opsagent.ports.secrets import Login

_numbers = itertools.count()


def ordering(
    executor: Executor, connection: Connection, login: Login, text: str, proof: Proof
) -> Callable[[], Awaitable[object]]:
    async def once() -> None:
        outcome = await executor.run(
            Order(
                tenant="bench",
                run_id="bench",
                token=f"bench.{time.time_ns()}.{next(_numbers)}",
                command=Command(executor=connection.executor, text=text, connection_id="there"),
                manifest=Manifest(proof=proof),
                connection=connection,
                login=login,
            )
        )
        assert outcome.exit_code == 0, outcome

    return once


async def measured() -> None:
    from servers.databases import READ_PASSWORD, WRITE_PASSWORD, postgresql
    from servers.openssh import openssh

    with (
        tempfile.TemporaryDirectory() as home,
        openssh(lines=f"SetEnv HOME={home}\n") as host,
        postgresql() as database,
    ):
        ssh = SshExecutor(SshConfig(), clock=SystemClock(), ids=SystemIds(), redactor=str, artifacts=NoArtifacts())
        sql = SqlExecutor(SqlConfig(), clock=SystemClock(), redactor=str)
        key = Login(name="key", kind=CredentialKind.SSH_KEY, version=1, values={"private_key": host.private_key})
        there = Connection(
            id="there", tenant="bench", name="there", executor="ssh", address=host.address,
            options={"host_key": host.host_key, "state_dir": str(host.state)},
        )  # fmt: skip
        shop = Connection(id="there", tenant="bench", name="shop", executor="sql", address=database.address)
        accounts = {
            name: Login(name=name, kind=CredentialKind.PASSWORD, version=1, values={"username": name, "password": word})
            for name, word in (("reader", READ_PASSWORD), ("writer", WRITE_PASSWORD))
        }
        every = {
            "ssh read": ordering(ssh, there, key, "true", Proof.READ),
            "ssh effect": ordering(ssh, there, key, "true", Proof.EFFECT),
            "postgresql read": ordering(sql, shop, accounts["reader"], "select 1", Proof.READ),
            "postgresql effect": ordering(
                sql, shop, accounts["writer"], "create table if not exists bench (a int)", Proof.EFFECT
            ),
        }
        results: dict[str, Measured] = {}
        for _ in range(ROUNDS):
            for name, once in every.items():
                await measure(results.setdefault(name, Measured()), once)
        for name, result in results.items():
            print(result.line(name))
        medians = [statistics.median(took) for took in results["ssh read"].rounds]
        noise = (max(medians) - min(medians)) / statistics.median(medians)
        print(
            f"{TOGETHER} together, {AT_ONCE} at once. noise: ssh read differed by {noise:.0%} between rounds; "
            f"load {os.getloadavg()[0]:.2f} after"
        )
        await ssh.close()


def main() -> None:
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    asyncio.run(measured())


if __name__ == "__main__":
    main()
