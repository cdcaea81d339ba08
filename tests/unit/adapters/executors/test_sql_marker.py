"""The table of start tokens is the same one for every account of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from opsagent.errors import ExecutionError, InputError, UnavailableError
from opsagent.ports.executor import Order, Traced
from servers.databases import WRITE_PASSWORD, Database
from sql_place import Place

MARKERS = "(token text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), outcome text)"


@pytest_asyncio.fixture
async def place(postgres_server: Database) -> AsyncIterator[Place]:
    """Without any marker table; `writer` has a schema of its own name, and `second` is the account after a rotation."""
    made = Place(postgres_server)
    if not await made.sql("SELECT 1 FROM pg_roles WHERE rolname = 'second'"):
        await made.sql(f"CREATE ROLE second LOGIN PASSWORD '{WRITE_PASSWORD}' IN ROLE writer")
        await made.sql("GRANT ALL ON SCHEMA public TO second")
    for text in (
        "DROP TABLE IF EXISTS opsagent_tokens, orders",
        "CREATE TABLE orders AS SELECT 1 AS id, 'open' AS state",
        "ALTER TABLE orders OWNER TO writer",
        "DROP SCHEMA IF EXISTS writer, second CASCADE",
        "CREATE SCHEMA writer AUTHORIZATION writer",
    ):
        await made.sql(text)
    yield made
    await made.sql("DROP SCHEMA IF EXISTS writer, second CASCADE")
    await made.sql("DROP TABLE IF EXISTS opsagent_tokens")


def rotated(order: Order, **options: str) -> Order:
    """The same order by the account that came after it."""
    assert order.login is not None
    login = replace(order.login, values={"username": "second", "password": WRITE_PASSWORD})
    return replace(order, login=login, connection=replace(order.connection, options=options))


async def schemas(place: Place) -> list[str]:
    query = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'opsagent_tokens' ORDER BY 1"
    return [row[0] for row in await place.sql(query)]


async def test_another_user_sees_what_the_first_one_did(place: Place) -> None:
    order = place.change("update orders set state = 'done'")
    assert (await place.executor.run(order)).exit_code == 0
    assert await schemas(place) == ["public"]
    assert (await place.executor.trace(order)).traced is Traced.FINISHED
    await place.sql("GRANT ALL ON opsagent_tokens TO second")
    await place.sql("CREATE SCHEMA second AUTHORIZATION second")
    assert (await place.executor.trace(rotated(order))).traced is Traced.FINISHED


@pytest.mark.parametrize("second", ["", "a schema", "a schema with markers"])
async def test_markers_in_a_schema_of_the_first_user_are_not_overlooked(place: Place, second: str) -> None:
    await place.sql(f"CREATE TABLE writer.opsagent_tokens {MARKERS}")
    await place.sql("ALTER TABLE writer.opsagent_tokens OWNER TO writer")
    order = place.change("update orders set state = 'done'")
    assert (await place.executor.run(order)).exit_code == 0
    if second:
        await place.sql("CREATE SCHEMA second AUTHORIZATION second")
    if second == "a schema with markers":
        await place.sql(f"CREATE TABLE second.opsagent_tokens {MARKERS}")
    with pytest.raises(UnavailableError, match="opsagent_tokens stands in the schema") as told:
        await place.executor.trace(rotated(order))
    assert "marker_schema=" in told.value.fix
    with pytest.raises(ExecutionError, match="nothing was sent"):
        await place.executor.run(rotated(order))
    known = rotated(order, marker_schema="writer")
    assert (await place.executor.trace(known)).traced is Traced.FINISHED


async def test_a_step_that_changes_the_search_path_keeps_its_marker(place: Place) -> None:
    order = place.change("set search_path to writer")
    outcome = await place.executor.run(order)
    assert outcome.exit_code == 0, outcome.stderr
    assert (await place.executor.trace(order)).traced is Traced.FINISHED
    assert await schemas(place) == ["public"]


async def test_the_named_schema_is_where_it_is_made(place: Place) -> None:
    order = place.change("update orders set state = 'done'")
    named = replace(order, connection=replace(order.connection, options={"marker_schema": "writer"}))
    assert (await place.executor.run(named)).exit_code == 0
    assert await schemas(place) == ["writer"]
    lost = replace(order, connection=replace(order.connection, options={"marker_schema": "nowhere"}))
    with pytest.raises(ExecutionError, match=r"cannot be made in the schema nowhere.*nothing was sent"):
        await place.executor.run(lost)


async def test_an_account_that_may_not_create_in_public_uses_its_own_schema(place: Place) -> None:
    await place.sql("REVOKE CREATE ON SCHEMA public FROM writer")
    try:
        assert (await place.executor.run(place.change("update orders set state = 'done'"))).exit_code == 0
        assert await schemas(place) == ["writer"]
    finally:
        await place.sql("GRANT CREATE ON SCHEMA public TO writer")


async def test_markers_that_a_crash_would_empty_are_refused(place: Place) -> None:
    await place.sql(f"CREATE UNLOGGED TABLE opsagent_tokens {MARKERS}")
    await place.sql("ALTER TABLE opsagent_tokens OWNER TO writer")
    with pytest.raises(ExecutionError, match="unlogged"):
        await place.executor.run(place.change("update orders set state = 'done'"))


def test_a_schema_has_a_plain_name(place: Place) -> None:
    connection = place.order("select 1").connection
    place.executor.check(replace(connection, options={"marker_schema": "ops_1"}))
    for name in ("", "a b", 'a"b', "1a", "x" * 64):
        with pytest.raises(InputError, match="marker_schema"):
            place.executor.check(replace(connection, options={"marker_schema": name}))
