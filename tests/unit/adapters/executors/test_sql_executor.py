"""The SQL executor on a real PostgreSQL and a real MariaDB: reads, limits, and effects that happen once."""

# ruff: noqa: S608 - the tests write their own statements

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from opsagent.domain.command import BoundValue
from opsagent.errors import ExecutionError, TokenTaken, UnavailableError
from opsagent.ports.executor import Traced
from servers.databases import WRITE_PASSWORD
from sql_place import Place, running, seen


async def test_a_read_answers_in_rows_of_text_with_its_values_bound(place: Place) -> None:
    hostile = "open' or '1'='1"
    order = place.order(
        "select id, state, null from orders where state = {{state}} order by id",
        bound=(BoundValue("state", "open", "capture state"),),
    )
    outcome = await place.executor.run(order)
    assert (outcome.exit_code, outcome.stdout) == (0, "1\topen\t\\N\n2\topen\t\\N\n")
    bad = replace(order.command, bound=(BoundValue("state", hostile),))
    assert (await place.executor.run(replace(order, command=bad))).stdout == ""


@pytest.mark.parametrize("value", ["100%", "a\\b", "x\\' or 1=1 -- ", 'quote " and `tick`', "%s", "$1", "\u2019"])
async def test_a_value_stays_one_value_whatever_it_holds(place: Place, value: str) -> None:
    order = place.order("select '100%' , {{v}}", bound=(BoundValue("v", value),))
    if place.is_postgres:
        order = replace(order, command=replace(order.command, text="select '100%', {{v}}::text"))
    outcome = await place.executor.run(order)
    assert outcome.stdout == f"100%\t{value}\n".replace("\\", "\\\\")


async def test_the_read_account_and_the_transaction_refuse_to_write(place: Place) -> None:
    for text in ("insert into orders values (9, 'x')", "create table sneaky (a int)", "drop table orders"):
        outcome = await place.executor.run(place.order(text))
        assert outcome.exit_code == 1
        assert outcome.changed is False
    assert len(await place.sql("SELECT * FROM orders")) == 3


async def test_two_statements_are_never_sent(place: Place) -> None:
    for text in ("select 1; drop table orders", "select 1;drop table orders;", "commit"):
        with pytest.raises(ExecutionError, match="nothing was sent"):
            await place.executor.run(place.change(text))
    assert (await place.executor.run(place.order("select ';' ;"))).stdout == ";\n"


async def test_more_rows_than_wanted_are_left_behind(place: Place) -> None:
    query = "select a.id from orders a, orders b, orders c, orders d, orders e, orders f"  # 729 rows
    outcome = await place.executor.run(place.order(query))
    assert outcome.truncated
    assert len(outcome.stdout.splitlines()) == 100
    assert "There are more" in outcome.note


async def test_a_query_that_takes_too_long_is_ended_on_the_server(place: Place) -> None:
    slow = "select pg_sleep(30)" if place.is_postgres else "select sleep(30)"
    outcome = await place.executor.run(place.order(slow, timeout_s=0.3))
    # MariaDB's SLEEP returns 1 when it was interrupted, and the query then counts as done or as ended.
    assert outcome.timed_out or outcome.stdout == "1\n"
    assert outcome.duration_s < 5
    assert await running(place, "sleep(30)") == 0


async def test_cancelling_ends_it_on_the_server(place: Place) -> None:
    slow = "select pg_sleep(31)" if place.is_postgres else "select sleep(31)"
    task = asyncio.ensure_future(place.executor.run(place.order(slow, timeout_s=60)))
    await seen(place, "sleep(31)", 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await seen(place, "sleep(31)", 0)


async def test_an_effect_happens_once_per_token(place: Place) -> None:
    order = place.change("update orders set state = concat(state, '!') where id = 1", rows=(1, 1))
    outcome = await place.executor.run(order)
    assert (outcome.exit_code, outcome.stdout) == (0, "rows: 1\n")
    with pytest.raises(TokenTaken):
        await place.executor.run(order)
    trace = await place.executor.trace(order)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert trace.outcome.stdout == "rows: 1\n"
    assert [tuple(row) for row in await place.sql("SELECT state FROM orders WHERE id = 1")] == [("open!",)]


async def test_more_rows_than_allowed_are_rolled_back(place: Place) -> None:
    order = place.change("update orders set state = 'gone'", rows=(1, 2))
    outcome = await place.executor.run(order)
    assert (outcome.exit_code, outcome.changed) == (1, False)
    assert "it would change 3 rows" in outcome.stderr
    assert not [row for row in await place.sql("SELECT state FROM orders") if row[0] == "gone"]


async def test_what_recovery_took_first_never_runs(place: Place) -> None:
    order = place.change("delete from orders")
    assert (await place.executor.trace(order)).traced is Traced.NEVER_STARTED
    assert (await place.executor.trace(order)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await place.executor.run(order)
    assert len(await place.sql("SELECT * FROM orders")) == 3


async def test_a_survivor_is_ended_before_anything_is_said_about_it(place: Place) -> None:
    sleep = "pg_sleep(32)" if place.is_postgres else "sleep(32)"
    text = f"update orders set state = concat('x', {sleep}) where id = 1"
    if place.is_postgres:
        text = "update orders set state = 'x' || pg_sleep(32)::text where id = 1"
    order = place.change(text, timeout_s=60)
    task = asyncio.ensure_future(place.executor.run(order))
    await seen(place, "sleep(32)", 1)
    other = Place(place.database)
    assert (await other.executor.trace(order)).traced is Traced.NEVER_STARTED
    outcome = await task
    assert outcome.exit_code != 0
    assert (await place.sql("SELECT state FROM orders WHERE id = 1"))[0][0] == "open"


async def test_a_killed_worker_leaves_one_effect_or_none(place: Place) -> None:
    """kill -9 at many moments of an update: what trace says is what the table says."""
    for delay_ms in (0, 60, 120, 180, 400):
        order = place.change(f"insert into orders values ({100 + delay_ms}, 'k')")
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, place.database.address, order.token, order.command.text],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        child.stdout.readline()  # its imports are done: it begins now
        await asyncio.to_thread(wait_for, child, delay_ms / 1000)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        trace = await place.executor.trace(order)
        there = len(await place.sql(f"SELECT 1 FROM orders WHERE id = {100 + delay_ms}"))
        assert (trace.traced, there) in {(Traced.FINISHED, 1), (Traced.NEVER_STARTED, 0)}
        with pytest.raises(TokenTaken):
            await place.executor.run(order)


async def test_a_connection_that_broke_is_asked_about_at_once(place: Place) -> None:
    """Somebody ends our session in the middle of the statement: the marker says that nothing was kept."""
    sleep = "'x' || pg_sleep(33)::text" if place.is_postgres else "concat('x', sleep(33))"
    order = place.change(f"update orders set state = {sleep} where id = 1", timeout_s=60)
    task = asyncio.ensure_future(place.executor.run(order))
    await seen(place, "sleep(33)", 1)
    if place.is_postgres:
        await place.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%sleep(33)%' "
            "AND pid <> pg_backend_pid()"
        )
    else:
        found = await place.sql(
            "SELECT id FROM information_schema.processlist WHERE info LIKE '%sleep(33)%' AND id <> connection_id()"
        )
        ((number,),) = found
        await place.sql(f"KILL {number}")
    outcome = await task
    assert (outcome.known, outcome.exit_code, outcome.changed) == (True, 1, False)
    assert (await place.executor.trace(order)).traced is Traced.NEVER_STARTED
    assert (await place.sql("SELECT state FROM orders WHERE id = 1"))[0][0] == "open"


async def test_the_marker_table_may_be_made_by_somebody_else(place: Place) -> None:
    """The write account needs no right to create, once the table is there."""
    await place.executor.run(place.change("update orders set state = 'x' where id = 3"))
    if place.is_postgres:
        await place.sql("REVOKE CREATE ON SCHEMA public FROM writer")
    else:
        await place.sql("REVOKE CREATE ON shop.* FROM writer@localhost")
    try:
        outcome = await place.executor.run(place.change("update orders set state = 'y' where id = 3", rows=(1, 1)))
        assert outcome.exit_code == 0, outcome.stderr
    finally:
        if place.is_postgres:
            await place.sql("GRANT CREATE ON SCHEMA public TO writer")
        else:
            await place.sql("GRANT CREATE ON shop.* TO writer@localhost")


async def test_ddl_has_its_token_too(place: Place) -> None:
    order = place.change("alter table orders add note varchar(9)")
    assert (await place.executor.run(order)).exit_code == 0
    with pytest.raises(TokenTaken):
        await place.executor.run(order)
    assert (await place.executor.trace(order)).traced is Traced.FINISHED


async def test_an_unreachable_server_is_told_apart(place: Place) -> None:
    order = place.change("delete from orders")
    gone = replace(
        order, connection=replace(order.connection, address=f"{place.database.address[:10]}://127.0.0.1:1/x")
    )
    gone = replace(gone, connection=replace(gone.connection, address=place.database.address.replace(
        str(place.database.port), "1")))  # fmt: skip
    with pytest.raises(ExecutionError, match="cannot be reached") as refused:
        await place.executor.run(gone)
    assert WRITE_PASSWORD not in str(refused.value)
    with pytest.raises(UnavailableError):
        await place.executor.trace(gone)


async def test_a_wrong_password_is_not_shown(place: Place) -> None:
    order = place.order("select 1")
    assert order.login is not None
    wrong = replace(order.login, values={"username": "reader", "password": "wr0ng-s3cret"})
    tested = await place.executor.test(order.connection, wrong)
    assert not tested.ok
    assert "wr0ng" not in tested.text + tested.fix
    assert "wr0ng" not in repr(wrong)
    assert (await place.executor.test(order.connection, order.login)).ok


def wait_for(child: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return


CHILD = f"""
import asyncio, sys
from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.sql.executor import SqlExecutor
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.ports.executor import Order
from opsagent.ports.secrets import Login
import asyncmy, psycopg
address, token, text = sys.argv[1:]
login = Login(name="w", kind=CredentialKind.PASSWORD, version=1,
              values={{"username": "writer", "password": "{WRITE_PASSWORD}"}})
order = Order(tenant="acme", run_id="run", token=token, manifest=Manifest(proof=Proof.EFFECT), login=login,
              command=Command(executor="sql", text=text, connection_id="db"),
              connection=Connection(id="db", tenant="acme", name="db", executor="sql", address=address))
print("ready", flush=True)
asyncio.run(SqlExecutor(SqlConfig(), clock=SystemClock(), redactor=str).run(order))
"""
