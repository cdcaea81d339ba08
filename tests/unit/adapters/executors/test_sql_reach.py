"""What PostgreSQL does not take back is never called rolled back, however deep it hides; all else still is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from opsagent.errors import ExecutionError, TokenTaken
from opsagent.ports.executor import Traced
from servers.databases import Database
from sql_place import Place

MADE = """
DROP SCHEMA IF EXISTS deep CASCADE;
CREATE SCHEMA deep;
GRANT USAGE ON SCHEMA deep TO writer;
ALTER ROLE writer SET search_path = public, deep;
SET search_path = deep, public;
CREATE SEQUENCE numbers;
GRANT ALL ON numbers TO writer;
CREATE FUNCTION killer() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'; RETURN 1; END $$;
CREATE FUNCTION "1 Killer"() RETURNS int LANGUAGE sql AS 'select deep.killer()';
CREATE FUNCTION "ÉtéÀ"() RETURNS int LANGUAGE sql AS 'select deep.killer()';
CREATE FUNCTION aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg() RETURNS int LANGUAGE sql
  AS 'select deep.killer()';
CREATE FUNCTION atomic() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT deep.killer(); END;
CREATE FUNCTION built() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'select deep.kil' || 'ler()'; RETURN 1; END $$;
CREATE FUNCTION of_row(anyelement) RETURNS int LANGUAGE sql AS 'select deep.killer()';
CREATE FUNCTION of_two(int, int) RETURNS int LANGUAGE sql AS 'select deep.killer()';
CREATE FUNCTION with_default(a int DEFAULT deep.killer()) RETURNS int LANGUAGE sql AS 'select a';
CREATE AGGREGATE summed(int) (sfunc = of_two, stype = int, initcond = '0');
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM deep.killer(); RETURN NEW; END $$;
CREATE FUNCTION numbered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.b := nextval('deep.numbers'); RETURN NEW; END $$;
CREATE TABLE plain (id int PRIMARY KEY, b int);
INSERT INTO plain VALUES (1, 1), (2, 2);
CREATE TABLE serial (id serial PRIMARY KEY, b int CHECK (b > 0));
CREATE TRIGGER numbered BEFORE INSERT ON serial FOR EACH ROW EXECUTE FUNCTION numbered();
CREATE TABLE watched (id int, b int);
INSERT INTO watched VALUES (1, 1);
CREATE TRIGGER watched AFTER INSERT OR UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION on_row();
CREATE TABLE child (id int REFERENCES plain ON UPDATE CASCADE, b int);
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9);
CREATE TRIGGER part AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION on_row();
CREATE TABLE defaulted (id int, b int DEFAULT deep.killer());
CREATE TABLE checking (id int, b int CHECK (deep.killer() = b));
CREATE TABLE policed (id int);
ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY policed ON policed USING (true) WITH CHECK (deep.killer() = 1);
CREATE VIEW seen AS SELECT deep.killer() AS a;
CREATE TABLE ruled (id int);
CREATE RULE ruled AS ON INSERT TO ruled DO ALSO SELECT deep.killer();
GRANT ALL ON ALL TABLES IN SCHEMA deep TO writer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA deep TO writer;
"""
# Called without a name: how it is made, and a statement that calls it.
NAMELESS = [
    (
        "CREATE OPERATOR deep.<%> (leftarg = int, rightarg = int, function = deep.of_two)",
        "select 1 operator(deep.<%>) 2, 1 / (b - 1) from plain",
    ),
    (
        """CREATE TYPE deep.pair AS (a int);
        CREATE FUNCTION deep.of_pair(deep.pair) RETURNS int LANGUAGE sql AS 'select deep.killer()';
        CREATE CAST (deep.pair AS int) WITH FUNCTION deep.of_pair(deep.pair)""",
        "select row(1)::deep.pair::int, 1 / (b - 1) from plain",
    ),
    (
        """CREATE FUNCTION deep.of_text(text) RETURNS boolean LANGUAGE sql AS 'select deep.killer() > 0';
        CREATE DOMAIN deep.checked AS text CHECK (deep.of_text(value))""",
        "select 'x'::deep.checked, 1 / (b - 1) from plain",
    ),
]
# Each of these ends another session, and then fails.
KILLS = [
    "select killer(), 1 / 0 + b from plain",
    "select KILLER/* */(), 1 / (b - 1) from plain",
    'select "1 Killer"(), 1 / (b - 1) from plain',
    'select "ÉtéÀ"(), 1 / (b - 1) from plain',
    "select aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg_and_more(), 1 / (b - 1) from plain",
    "select atomic(), 1 / (b - 1) from plain",
    "select built(), 1 / (b - 1) from plain",
    "select p.of_row, 1 / (b - 1) from plain p",
    "select with_default(), 1 / (b - 1) from plain",
    "select summed(b) / 0 from plain",
    "select a / 0 from seen",
    "select pg_terminate_backend(pid), 1 / (pid - pid) from pg_stat_activity where application_name = 'victim'",
    r'select U&"kill\0065r"(), 1 / (b - 1) from plain',
    "update watched set b = 2 returning b / 0",
    "insert into part values (1) returning id / 0",
    "insert into defaulted (id) values (1), (2), (1 / (select b - 1 from plain where id = 1))",
    "insert into checking values (1, 1), (2, 0)",
    "insert into policed values (1) returning id / 0",
    "do $$ begin perform deep.killer(); raise 'no'; end $$",
]
# Nothing of these outlives a rollback.
ROLLED_BACK = [
    "update plain set b = 1 / (b - 1)",
    "insert into serial (b) values (1) returning 1 / (b - b)",
    "insert into plain select id + 10, 1 / (b - 2) from plain order by id",
    "with gone as (delete from child returning id) select 1 / count(*) from gone",
    "create table made as select random(), now(), 1 / (b - 1) from plain",
    "alter table plain add constraint b check (b > 1)",
    "select lower('killer()'), 1 / (b - 1) from plain -- killer",
]


@pytest_asyncio.fixture
async def deep(postgres_server: Database) -> AsyncIterator[Place]:
    place = Place(postgres_server)
    await place.sql(MADE)
    yield place
    await place.sql("DROP SCHEMA deep CASCADE; ALTER ROLE writer RESET search_path")


async def is_alive(victim: psycopg.AsyncConnection) -> bool:
    try:
        await victim.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


async def victim_of(place: Place) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(
        host="127.0.0.1", port=place.database.port, user="ops", dbname="postgres", application_name="victim",
        autocommit=True,
    )  # fmt: skip


async def test_what_stays_is_never_called_rolled_back(deep: Place) -> None:
    await deep.sql("GRANT pg_signal_backend TO writer")
    killed = 0
    for text in KILLS:
        async with await victim_of(deep) as victim:
            order = deep.change(text)
            outcome = await deep.executor.run(order)
            assert (outcome.exit_code, outcome.changed) == (1, None), f"{text}: {outcome.stderr}"
            assert "rolled back" not in outcome.note
            assert (await deep.executor.trace(order)).traced is Traced.UNKNOWN, text
            with pytest.raises(TokenTaken):
                await deep.executor.run(order)
            killed += not await is_alive(victim)
        with pytest.raises(ExecutionError, match=r"`rows` cannot be kept.*nothing was sent"):
            await deep.executor.run(deep.change(text, rows=(0, 9)))
    assert killed >= len(KILLS) / 2  # the others fail before they come to it


@pytest.mark.parametrize(("made", "text"), NAMELESS, ids=["operator", "cast", "domain"])
async def test_what_is_called_without_a_name_counts_too(deep: Place, made: str, text: str) -> None:
    await deep.sql(made)
    async with await victim_of(deep) as victim:
        outcome = await deep.executor.run(deep.change(text))
        assert (outcome.exit_code, outcome.changed) == (1, None), outcome.stderr
        assert not await is_alive(victim)


@pytest.mark.parametrize("text", ROLLED_BACK)
async def test_what_is_taken_back_is_said_to_be(deep: Place, text: str) -> None:
    order = deep.change(text)
    outcome = await deep.executor.run(order)
    assert (outcome.exit_code, outcome.changed) == (1, False), outcome.stderr
    assert outcome.note == "It was rolled back."
    assert (await deep.executor.trace(order)).traced is Traced.NEVER_STARTED


@pytest.mark.parametrize("text", ["select setval('numbers', 500), 1 / (b - 1) from plain",
                                  "insert into plain select nextval('numbers'), 1 / (b - 2) from plain"])  # fmt: skip
async def test_a_sequence_that_moved_stays_moved(deep: Place, text: str) -> None:
    outcome = await deep.executor.run(deep.change(text))
    assert (outcome.exit_code, outcome.changed) == (1, None)
    assert await deep.sql("SELECT is_called FROM deep.numbers") == [(True,)]


async def test_rows_hold_where_a_trigger_can_be_read(deep: Place) -> None:
    outcome = await deep.executor.run(deep.change("insert into serial (b) values (1), (2)", rows=(1, 1)))
    assert (outcome.exit_code, outcome.changed) == (1, False), outcome.stderr
    assert await deep.sql("SELECT * FROM deep.serial") == []


async def test_a_copy_that_wrote_its_file_is_not_rolled_back(deep: Place) -> None:
    with pytest.raises(ExecutionError, match="nothing was sent"):
        await deep.executor.run(deep.change("copy(select 1)to'/tmp/opsagent-never'", rows=(1, 1)))


async def test_an_event_trigger_counts_for_ddl_only(deep: Place) -> None:
    await deep.sql(
        "CREATE FUNCTION deep.event() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM deep.killer(); END $$; CREATE EVENT TRIGGER deep ON ddl_command_start "
        "EXECUTE FUNCTION deep.event()"
    )
    try:
        ddl = await deep.executor.run(deep.change("alter table plain add constraint b check (b > 1)"))
        assert (ddl.exit_code, ddl.changed) == (1, None)
        row = await deep.executor.run(deep.change("update plain set b = 1 / (b - 1)"))
        assert (row.exit_code, row.changed) == (1, False)
    finally:
        await deep.sql("DROP EVENT TRIGGER deep")
