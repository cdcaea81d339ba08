"""A bench for each backend that works here, and a place on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from local_shell import BACKENDS, Bench, open_folder
from opsagent.adapters.executors.local import Backend
from servers.databases import Database, mariadb, postgresql
from sql_place import Place


@pytest.fixture(params=BACKENDS, ids=str)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with open_folder() as folder:
        yield Bench(folder, request.param)


@pytest.fixture
def boxed() -> Iterator[Bench]:
    """The strongest backend of this machine."""
    with open_folder() as folder:
        yield Bench(folder, BACKENDS[0])


@pytest.fixture
def weak() -> Iterator[Bench]:
    with open_folder() as folder:
        yield Bench(folder, Backend.RLIMITS)


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Database]:
    with postgresql() as database:
        yield database


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[Database]:
    with mariadb() as database:
        yield database


@pytest_asyncio.fixture(params=["postgresql", "mariadb"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    server = "postgres_server" if request.param == "postgresql" else "mariadb_server"
    made = Place(request.getfixturevalue(server))
    await made.sql("DROP TABLE IF EXISTS orders")
    await made.sql("CREATE TABLE orders (id int PRIMARY KEY, state varchar(40))")
    await made.sql("INSERT INTO orders VALUES (1, 'open'), (2, 'open'), (3, 'done')")
    if made.is_postgres:
        await made.sql("ALTER TABLE orders OWNER TO writer")
    yield made
