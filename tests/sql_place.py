"""An SQL executor and a real database to use it on."""

# ruff: noqa: S608 - the tests write their own statements

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import dataclass, field
from typing import Any

import asyncmy
import psycopg

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.sql.executor import SqlExecutor
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.ports.executor import Order
from opsagent.ports.secrets import Login
from servers.databases import READ_PASSWORD, WRITE_PASSWORD, Database

_numbers = itertools.count(1)


@dataclass
class Place:
    """An executor and a database to use it on."""

    database: Database
    executor: SqlExecutor = field(
        default_factory=lambda: SqlExecutor(
            SqlConfig(lock_timeout_s=2, max_rows=100), clock=SystemClock(), redactor=lambda text: text
        )
    )

    @property
    def is_postgres(self) -> bool:
        return self.database.address.startswith("postgresql")

    def order(self, text: str, *, reads: bool = True, token: str = "", **given: Any) -> Order:
        name, password = ("reader", READ_PASSWORD) if reads else ("writer", WRITE_PASSWORD)
        given.setdefault("timeout_s", 10.0)
        return Order(
            tenant="acme",
            run_id="run",
            token=token or f"run.{os.getpid()}.{next(_numbers)}",
            command=Command(executor="sql", text=text, connection_id="db", **given),
            manifest=Manifest(proof=Proof.READ if reads else Proof.EFFECT),
            connection=Connection(
                id="db", tenant="acme", name="db", executor="sql", address=self.database.address, credential="w"
            ),
            login=Login(
                name=name, kind=CredentialKind.PASSWORD, version=1, values={"username": name, "password": password}
            ),
        )

    def change(self, text: str, **given: Any) -> Order:
        return self.order(text, reads=False, **given)

    async def sql(self, text: str) -> Any:
        """As the owner, beside the executor."""
        if self.is_postgres:
            async with await psycopg.AsyncConnection.connect(
                host="127.0.0.1", port=self.database.port, user="ops", dbname="postgres", autocommit=True
            ) as owner:
                cursor = await owner.execute(text)
                return await cursor.fetchall() if cursor.description else None
        owner = await asyncmy.connect(
            host="127.0.0.1", port=self.database.port, user="owner", db="shop", autocommit=True
        )
        async with owner.cursor() as cursor:
            await cursor.execute(text)
            found = await cursor.fetchall()
        await owner.ensure_closed()
        return found


async def running(place: Place, text: str) -> int:
    if place.is_postgres:
        query = f"SELECT 1 FROM pg_stat_activity WHERE query LIKE '%{text}%' AND state = 'active' AND pid <> pg_backend_pid()"  # noqa: E501
    else:
        query = f"SELECT 1 FROM information_schema.processlist WHERE info LIKE '%{text}%' AND id <> connection_id()"
    return len(await place.sql(query))


async def seen(place: Place, text: str, count: int) -> None:
    async with asyncio.timeout(10):
        while await running(place, text) != count:
            await asyncio.sleep(0.02)
