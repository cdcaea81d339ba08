"""What of a statement stays when it fails, and that `rows` is refused where it could not be taken back."""

# ruff: noqa: S608 - the tests write their own statements

from __future__ import annotations

import asyncio

import asyncmy
import pytest
import pytest_asyncio

from opsagent.errors import ExecutionError
from opsagent.ports.executor import Traced
from servers.databases import Database
from sql_place import Place, seen

COMMENTS = ["-- free the slot; don't wait\n", "/* don't */ ", "-- \n-- \n\n"]


@pytest.mark.parametrize("comment", COMMENTS)
async def test_a_comment_before_it_switches_no_guard_off(place: Place, comment: str) -> None:
    outcome = await place.executor.run(place.change(f"{comment}update orders set state = 'gone'", rows=(1, 2)))
    assert (outcome.exit_code, outcome.changed) == (1, False), outcome.stderr
    assert "it would change 3 rows" in outcome.stderr
    for text in (f"{comment}commit", f"{comment}select 1; delete from orders"):
        with pytest.raises(ExecutionError, match="nothing was sent"):
            await place.executor.run(place.change(text))
    assert not [row for row in await place.sql("SELECT state FROM orders") if row[0] == "gone"]


async def test_what_mysql_runs_out_of_a_comment_or_behind_a_name_is_code(mysql: Place) -> None:
    for text in ("/*!50000 commit */", "select 1 as $$; delete from orders; select 2 as $$", "# '\nrollback -- '"):
        with pytest.raises(ExecutionError, match="nothing was sent"):
            await mysql.executor.run(mysql.change(text))
    assert len(await mysql.sql("SELECT * FROM orders")) == 3


async def test_rows_are_refused_where_nothing_could_be_taken_back(place: Place) -> None:
    text = "alter table orders add more varchar(9)"
    if place.is_postgres:
        text = "-- later\ncreate index concurrently orders_state on orders (state)"
    order = place.change(text, rows=(0, 0))
    with pytest.raises(ExecutionError, match="nothing was sent"):
        await place.executor.run(order)
    assert (await place.executor.trace(order)).traced is Traced.NEVER_STARTED


@pytest.mark.parametrize("comment", ["", "-- again\n"])
async def test_an_index_that_failed_concurrently_may_have_left_something(
    postgres_server: Database, comment: str
) -> None:
    place = Place(postgres_server)
    await place.sql("DROP TABLE IF EXISTS twice")
    await place.sql("CREATE TABLE twice AS SELECT 1 AS a FROM generate_series(1, 2)")
    await place.sql("ALTER TABLE twice OWNER TO writer")
    outcome = await place.executor.run(place.change(f"{comment}create unique index concurrently twice_a on twice (a)"))
    assert (outcome.exit_code, outcome.changed) == (1, None)
    assert "rolled back" not in outcome.note
    assert await place.sql("SELECT 1 FROM pg_class WHERE relname = 'twice_a'")


@pytest_asyncio.fixture
async def mysql(mariadb_server: Database) -> Place:
    """With `plain` (InnoDB) beside `isam` (MyISAM, no transactions), three rows each."""
    made = Place(mariadb_server)
    for name, engine in (("orders", "InnoDB"), ("plain", "InnoDB"), ("isam", "MyISAM"), ("log", "MyISAM")):
        await made.sql(f"DROP TABLE IF EXISTS {name}")
        await made.sql(f"CREATE TABLE {name} (id int, state varchar(40)) ENGINE={engine}")
        await made.sql(f"INSERT INTO {name} VALUES (1, 'open'), (2, 'open'), (3, 'done')")
    return made


async def states(place: Place, table: str) -> set[str]:
    return {row[0] for row in await place.sql(f"SELECT state FROM {table}")}


ON_ISAM = [
    "update isam set state = 'gone'",
    "-- x\nUPDATE `Shop` . `isam` SET state = 'gone'".replace("Shop", "shop"),
    "update plain, isam set isam.state = 'gone' where plain.id = isam.id",
    "insert into isam select * from plain",
    "delete from isam",
]


@pytest.mark.parametrize("text", ON_ISAM)
async def test_a_table_without_transactions_takes_no_limit_of_rows(mysql: Place, text: str) -> None:
    order = mysql.change(text, rows=(1, 1))
    with pytest.raises(ExecutionError, match=r"isam is MyISAM.*nothing was sent"):
        await mysql.executor.run(order)
    assert len(await mysql.sql("SELECT * FROM isam")) == 3
    assert "gone" not in await states(mysql, "isam")


async def test_a_failure_on_a_table_without_transactions_is_not_called_rolled_back(mysql: Place) -> None:
    """The second row is refused, the first stays."""
    order = mysql.change("update isam set state = if(id = 2, repeat('x', 99), 'gone')")
    outcome = await mysql.executor.run(order)
    assert (outcome.exit_code, outcome.changed) == (1, None)
    assert "rolled back" not in outcome.note
    assert "gone" in await states(mysql, "isam")
    assert (await mysql.executor.trace(order)).traced is Traced.UNKNOWN


async def test_a_crash_on_a_table_without_transactions_is_unknown(mysql: Place) -> None:
    order = mysql.change("update isam set state = concat('x', if(id = 2, sleep(34), 0))", timeout_s=60)
    task = asyncio.ensure_future(mysql.executor.run(order))
    await seen(mysql, "sleep(34)", 1)
    found = await mysql.sql(
        "SELECT id FROM information_schema.processlist WHERE info LIKE '%sleep(34)%' AND id <> connection_id()"
    )
    await mysql.sql(f"KILL {found[0][0]}")
    outcome = await task
    assert (outcome.known, outcome.changed) == (False, None)
    assert "x0" in await states(mysql, "isam")
    assert (await mysql.executor.trace(order)).traced is Traced.UNKNOWN


HIDDEN = {
    "view": ("CREATE VIEW seen AS SELECT * FROM isam", "update seen set state = 'gone'", "DROP VIEW seen"),
    "trigger": (
        "CREATE TRIGGER seen AFTER UPDATE ON plain FOR EACH ROW INSERT INTO log VALUES (9, 'gone')",
        "update plain set state = 'gone'",
        "DROP TRIGGER seen",
    ),
    "function": (
        "CREATE FUNCTION seen() RETURNS int BEGIN INSERT INTO log VALUES (9, 'gone'); RETURN 1; END",
        "update plain set id = seen()",
        "DROP FUNCTION seen",
    ),
}


@pytest.mark.parametrize("kind", HIDDEN)
async def test_what_hides_a_table_takes_no_limit_of_rows(mysql: Place, kind: str) -> None:
    made, text, dropped = HIDDEN[kind]
    await mysql.sql(made)
    try:
        with pytest.raises(ExecutionError, match=r"seen.*nothing was sent"):
            await mysql.executor.run(mysql.change(text, rows=(1, 1)))
        outcome = await mysql.executor.run(mysql.change(text))
        assert outcome.exit_code == 0, outcome.stderr
        assert "gone" in await states(mysql, "log") | await states(mysql, "isam")
    finally:
        await mysql.sql(dropped)


async def test_a_rollback_that_left_something_says_so(mysql: Place) -> None:
    """A trigger that comes after the look: the server's warning after ROLLBACK tells it."""
    owner = await asyncmy.connect(host="127.0.0.1", port=mysql.database.port, user="owner", db="shop", autocommit=True)
    order = mysql.change("update plain set state = 'gone'", rows=(1, 1))
    try:
        async with owner.cursor() as cursor:
            await cursor.execute("LOCK TABLES plain WRITE, log WRITE")
            task = asyncio.ensure_future(mysql.executor.run(order))
            await seen(mysql, "update plain", 1)
            await cursor.execute(
                "CREATE TRIGGER late AFTER UPDATE ON plain FOR EACH ROW INSERT INTO log VALUES (9, 'gone')"
            )
            await cursor.execute("UNLOCK TABLES")
            outcome = await task
    finally:
        owner.close()
    assert (outcome.exit_code, outcome.changed) == (1, None), outcome.stderr
    assert "gone" not in await states(mysql, "plain")
    assert "gone" in await states(mysql, "log")
    assert (await mysql.executor.trace(order)).traced is Traced.UNKNOWN


async def test_a_marker_table_without_transactions_is_refused(mysql: Place) -> None:
    await mysql.executor.run(mysql.change("update plain set state = 'x' where id = 3"))
    await mysql.sql("ALTER TABLE opsagent_tokens ENGINE=MyISAM")
    try:
        with pytest.raises(ExecutionError, match="opsagent_tokens is MyISAM"):
            await mysql.executor.run(mysql.change("update plain set state = 'y'"))
    finally:
        await mysql.sql("ALTER TABLE opsagent_tokens ENGINE=InnoDB")
    assert "y" not in await states(mysql, "plain")
