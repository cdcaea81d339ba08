"""What the SQL analyser proves, what it lists, and every way around it that is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.analysers.sql.analyser import NO_READ_ACCOUNT, SqlAnalyser, manifest_of
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof


def at(scheme: str, *, reader: str = "reader") -> Connection:
    return Connection(
        id="db", tenant="acme", name="db", executor="sql", address=f"{scheme}://db1/shop", credential="writer",
        read_credential=reader,
    )  # fmt: skip


PG, MY = "postgresql", "mysql"
READS = [
    (PG, "select a from t where id = {{x}}", ("t",)),
    (PG, "select count(*), max(at) from shop.orders o join items i on i.o = o.id", ("items", "shop.orders")),
    (PG, "with open as (select * from orders where state = 'open') select count(*) from open", ("orders",)),
    (PG, "explain select * from orders where id = {{x}}", ("orders",)),
    (PG, "explain (verbose, buffers) select 1", ()),
    (PG, "show max_connections", ()),
    (PG, "values (1), (2)", ()),
    (PG, "select pg_size_pretty(pg_database_size(current_database()))", ()),
    (PG, "select pg_catalog.lower(a) from t", ("t",)),
    (PG, "select pid, state, left(query, 80) from pg_stat_activity where state <> 'idle'", ("pg_stat_activity",)),
    (PG, "select sum(a) over (partition by b), count(*) filter (where a > (1)) from t where a in (1)", ("t",)),
    (PG, "select row(1, 2), array(select a from t), a::varchar(9) from t join (values (1)) as v on true", ("t",)),
    (PG, "with x as materialized (select 1) select a from x union (select b from t order by (b))", ("t",)),
    (PG, "select oid::regclass, a::text[], b::pg_catalog.int4, c::pg_lsn, d::jsonb, e::inet, f::xid, g::name from t",
     ("t",)),
    (PG, 'select "a" from "T" where "a" between (1) and (2)', ("T",)),
    (MY, "show processlist", ()),
    (MY, "show global status like 'Threads%'", ()),
    (MY, "describe orders", ("orders",)),
    (MY, "explain select * from orders", ("orders",)),
    (MY, "select ifnull(a, 0), date_format(at, '%Y') from t where b in (1, 2)", ("t",)),
]  # fmt: skip
CHANGES = [
    (PG, "update shop.orders set state = {{s}} where id = {{i}}", ("shop.orders",), ()),
    (PG, "insert into a (b) select c from d", ("a",), ()),
    (PG, "delete from a using b where a.id = b.id", (), ("a",)),
    (PG, "truncate t", (), ("t",)),
    (PG, "alter table t add b int", ("t",), ()),
    (MY, "drop table t", (), ("t",)),
    (MY, "create table t (a int)", ("t",), ()),
]
# None of these is a read; most of them look like one to somebody.
NEVER_READS = [
    (PG, "select 1; drop table t"),
    (PG, "with gone as (delete from t returning *) select * from gone"),
    (PG, "select * into copy from t"),
    (PG, "select * from t for update"),
    (PG, "select my_func(1)"),
    (PG, "select x.lower('a')"),
    (PG, 'select "evil"(1)'),
    (PG, 'select "1evil"()'),
    (PG, 'select "$evil"(1)'),
    (PG, 'select public."9evil"(1)'),
    (PG, 'select "over"(1)'),
    (PG, 'select "from"(1)'),
    (PG, 'select pg_catalog."over"(1)'),
    (PG, 'select "Sum"(1)'),
    (PG, 'select coalesce(1), "coalesce"(1)'),
    (PG, r'select U&"\\0065vil"(1)'),
    (PG, "select \u20ac(1)"),
    (PG, "select key(1)"),
    (PG, "select within(1)"),
    (PG, "select * from over(1)"),
    (PG, "select * from t, rows(1)"),
    (PG, "select * from rows from (over(1))"),
    (PG, "select * from lateral over(1)"),
    (PG, "select * from t join set(1) on true"),
    (PG, "select sum(a) over (order by a) from over(1)"),
    (PG, "select xact_age(1)"),
    (PG, "select log2(1)"),
    (PG, "select truncate(1)"),
    (PG, "select cast(a as mytype) from t"),
    (PG, "select 'x'::public.mytype"),
    (PG, "select '{}'::mytype[]"),
    (PG, "select pg_read_file('/etc/passwd')"),
    (PG, "select pg_terminate_backend(1)"),
    (PG, "select lo_import('/etc/passwd')"),
    (PG, "select nextval('s')"),
    (PG, "select set_config('a.b', 'c', false)"),
    (PG, "select dblink('x', 'y')"),
    (PG, "select pg_sleep(9)"),
    (PG, "select 1 operator(evil.+) 2"),
    (PG, "explain analyze delete from t"),
    (PG, "explain (analyze) select my_func()"),
    (PG, "explain (ANALYSE, verbose) delete from t"),
    (PG, "copy t to '/tmp/x'"),
    (PG, "do $$ begin perform 1; end $$"),
    (PG, "call p()"),
    (PG, "set role postgres"),
    (PG, "prepare x as select 1"),
    (PG, "vacuum"),
    (PG, "notify x"),
    (PG, "begin"),
    (PG, "select /* hidden */ 1"),
    (PG, "select * from {{x}}"),
    (PG, "select * from t where a = (select f.b from f(1) f)"),
    (MY, "select /*!50000 1 union select 2 */"),
    (MY, "select /*M!100100 1 */ 1"),
    (MY, "select @a := 1"),
    (MY, "select * from t into outfile '/tmp/x'"),
    (MY, "select load_file('/etc/passwd')"),
    (MY, "select sleep(9)"),
    (MY, "select `1evil`(1)"),
    (MY, "select 1evil(1)"),
    (MY, "select $evil(1)"),
    (MY, "select array(1)"),
    (MY, "select count (1)"),
    (MY, "select adddate\n(1, 2)"),
    (MY, "select format_bytes(1)"),  # MySQL's own, which MariaDB leaves to anybody
    (MY, "select date_add(1)"),  # sqlglot stumbles
    (MY, "select get_lock('a', 1)"),
    (MY, "select benchmark(1, 2)"),
    (MY, "select 1 -- \n; drop table t"),
    (MY, "select 1 -- it's\n/*!50000 union select 2 */"),
    (MY, 'select 1 -- "\n/*!50000 union select 2 */ -- "'),
    (MY, "select 1 from (select 1 as \u00a0) t where 1--\u00a0 union select 2"),
    (MY, "select 1, -- \r'\n1 union select load_file(\"x\") -- '"),
    (MY, "select 5--1"),
    (MY, "select 1 # c"),
    (MY, "handler t open"),
    (MY, "load data infile 'x' into table t"),
    (MY, "set global a = 1"),
    (MY, "flush tables"),
    (MY, "analyze table t"),
    (MY, "replace into t values (1)"),
    (MY, "explain analyze select 1"),
    (MY, "lock tables t write"),
]


@pytest.mark.parametrize(("scheme", "text", "tables"), READS)
def test_a_plain_query_is_proven_on_a_read_account(scheme: str, text: str, tables: tuple[str, ...]) -> None:
    manifest = manifest_of(text, at(scheme))
    assert (manifest.proof, manifest.reads, manifest.reasons) == (Proof.READ, tables, ())


@pytest.mark.parametrize(("scheme", "text", "_tables"), READS)
def test_without_a_read_account_nothing_is_proven(scheme: str, text: str, _tables: tuple[str, ...]) -> None:
    manifest = manifest_of(text, at(scheme, reader=""))
    assert (manifest.proof, manifest.reasons) == (Proof.UNKNOWN, (NO_READ_ACCOUNT,))


@pytest.mark.parametrize(("scheme", "text", "writes", "deletes"), CHANGES)
def test_a_change_names_its_tables(scheme: str, text: str, writes: tuple[str, ...], deletes: tuple[str, ...]) -> None:
    manifest = manifest_of(text, at(scheme))
    assert (manifest.proof, manifest.writes, manifest.deletes) == (Proof.EFFECT, writes, deletes)


def test_a_function_named_as_the_table_it_changes_is_none_that_is_known() -> None:
    assert manifest_of("insert into orders (a) select orders(1)", at(PG)).proof is Proof.UNKNOWN
    assert manifest_of("update t set a = t(1)", at(PG)).proof is Proof.UNKNOWN


@pytest.mark.parametrize(("scheme", "text"), NEVER_READS)
def test_what_only_looks_like_a_read_is_none(scheme: str, text: str) -> None:
    manifest = manifest_of(text, at(scheme))
    assert manifest.proof is not Proof.READ
    assert manifest.reasons


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        (PG, "drop database shop"),
        (PG, "DROP SCHEMA public CASCADE"),
        (PG, "copy t to program 'sh'"),
        (PG, "/**/drop database shop"),
        (PG, "drop/* /* x */ */database shop"),
        (PG, "-- tidy\ndrop schema public"),
        (PG, "copy t from/**/program 'id'"),
        (PG, "copy (select 1) to\nprogram 'id'"),
        (PG, "select 1; drop database shop"),
        (PG, "do $$ begin drop /* */ schema public cascade; end $$"),
        (PG, "do $$ begin copy t from program 'id'; end $$"),
        (PG, "drop database shop" + " " * 30_000),
        (MY, "/*!50000 drop */ database shop"),
        (MY, "/*M!100000drop*/ database shop"),
        (MY, "drop # x\n database shop"),
        (MY, "execute immediate 'drop database shop'"),
    ],
)
def test_some_are_never_allowed(scheme: str, text: str) -> None:
    assert manifest_of(text, at(scheme)).forbidden


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        (PG, "select 'drop database shop'"),
        (PG, "copy t (program) to '/tmp/x'"),
        (PG, "alter table t drop schema"),
        (PG, 'drop table "database"'),
        (MY, "drop table `schema`"),
    ],
)
def test_a_word_of_them_elsewhere_forbids_nothing(scheme: str, text: str) -> None:
    assert not manifest_of(text, at(scheme)).forbidden


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        (PG, "select * from pg_authid"),
        (PG, "select * from PG_AUTHID"),
        (PG, "select * from pg_catalog.pg_authid"),
        (PG, "with pg_authid as (select * from pg_authid) select rolpassword from pg_authid"),
        (PG, "with a as (with pg_authid as (select 1) select 1), b as (select * from pg_authid) select * from b"),
        (PG, 'with "PG_AUTHID" as (select 1) select rolpassword from pg_authid'),
        (PG, "update t set a = (select rolpassword from pg_authid) returning a"),
        (PG, "update pg_authid set rolvaliduntil = null returning rolpassword"),
        (MY, "select * from mysql.user"),
        (MY, "select * from MySQL.User"),
        (MY, "with user as (select * from mysql.user) select * from user"),
        (PG, "table pg_shadow"),
        (PG, "select * from information_schema.user_mapping_options"),
        (PG, "select setconfig from pg_db_role_setting"),
        (PG, "copy pg_authid to '/tmp/x'"),
        (PG, 'select /**/ * from "pg_catalog" . "pg_authid"'),
        (PG, "show primary_conninfo"),
        (PG, "show all"),
        (PG, "select current_setting('Primary_ConnInfo')"),
        (MY, "show grants"),
        (MY, "SHOW GRANTS FOR root@localhost"),
        (MY, "show /* */ grants"),
        (MY, "show create user root"),
        (MY, "show binlog events"),
        (MY, "handler mysql.user open"),
        (MY, "select * from performance_schema.user_variables_by_thread"),
        (MY, "select * from performance_schema.events_statements_history"),
        (MY, "select * from `Performance_Schema`.`Events_Statements_Current`"),
        (MY, "select * from information_schema.user_attributes"),
        (MY, "select argument from mysql.general_log"),
    ],
)
def test_tables_of_secrets_are_told(scheme: str, text: str) -> None:
    assert manifest_of(text, at(scheme)).sensitive


def test_a_bare_name_is_a_table_of_the_database_in_the_address() -> None:
    inside = replace(at(MY), address="mysql://db1:3306/MySQL")
    assert manifest_of("select * from user", inside).sensitive == ("user",)
    assert not manifest_of("select * from user", at(MY)).sensitive


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("with t as (select * from t) select * from t", ("t",)),
        ("with recursive t as (select 1 union select * from t) select * from t", ()),
        ("with a as (select 1), b as (select * from a) select * from b", ()),
        ("with a as (select * from b), b as (select 1) select * from a", ("b",)),
        ("select * from (with a as (select 1) select * from a) x, a", ("a",)),
        ("with a as (select 1) select * from s.a", ("s.a",)),
        ("with a as (select 1) select (select b from A)", ()),
        ('with "A" as (select 1) select * from a', ("a",)),
    ],
)
def test_a_part_of_a_with_hides_a_table_only_where_it_can_be_seen(text: str, tables: tuple[str, ...]) -> None:
    assert manifest_of(text, at(PG)).reads == tables


async def test_it_fulfils_the_port() -> None:
    analyser = SqlAnalyser()
    one = await analyser.analyse(Command(executor="sql", text="select 1", connection_id="db"), at(PG))
    many = await analyser.analyse_all(["select 1", "drop table t"], at(MY))
    assert [m.proof for m in (one, *many)] == [Proof.READ, Proof.READ, Proof.EFFECT]
    assert manifest_of("select 1", at("redis")).proof is Proof.UNKNOWN


@given(st.text(alphabet="selctfromwhdp ();'\"*,=-/#@:$\\{}xyz019\n", max_size=60), st.sampled_from([PG, MY]))
def test_no_text_makes_it_fail(text: str, scheme: str) -> None:
    assert manifest_of(text, at(scheme)).proof in set(Proof)
