"""What the SQL analyser proves, what it lists, and every way around it that is known."""

from __future__ import annotations

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
    (MY, "select get_lock('a', 1)"),
    (MY, "select benchmark(1, 2)"),
    (MY, "select 1 -- \n; drop table t"),
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


@pytest.mark.parametrize(("scheme", "text"), NEVER_READS)
def test_what_only_looks_like_a_read_is_none(scheme: str, text: str) -> None:
    manifest = manifest_of(text, at(scheme))
    assert manifest.proof is not Proof.READ
    assert manifest.reasons


@pytest.mark.parametrize("text", ["drop database shop", "DROP SCHEMA public CASCADE", "copy t to program 'sh'"])
def test_some_are_never_allowed(text: str) -> None:
    assert manifest_of(text, at(PG)).forbidden


@pytest.mark.parametrize(
    ("scheme", "text"), [(PG, "select * from pg_authid"), (MY, "select * from mysql.user")]
)  # fmt: skip
def test_tables_of_secrets_are_told(scheme: str, text: str) -> None:
    assert manifest_of(text, at(scheme)).sensitive


async def test_it_fulfils_the_port() -> None:
    analyser = SqlAnalyser()
    one = await analyser.analyse(Command(executor="sql", text="select 1", connection_id="db"), at(PG))
    many = await analyser.analyse_all(["select 1", "drop table t"], at(MY))
    assert [m.proof for m in (one, *many)] == [Proof.READ, Proof.READ, Proof.EFFECT]
    assert manifest_of("select 1", at("redis")).proof is Proof.UNKNOWN


@given(st.text(alphabet="selctfromwhdp ();'\"*,=-/#@:$\\{}xyz019\n", max_size=60), st.sampled_from([PG, MY]))
def test_no_text_makes_it_fail(text: str, scheme: str) -> None:
    assert manifest_of(text, at(scheme)).proof in set(Proof)
