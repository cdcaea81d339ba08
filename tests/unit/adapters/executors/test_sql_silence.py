"""A database that stops answering holds nothing up: not a start, not an effect, not recovery, not a cancel."""

# ruff: noqa: S608 - the tests write their own statements

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.sql.config import SqlConfig
from opsagent.adapters.executors.sql.executor import SqlExecutor
from opsagent.errors import ExecutionError, UnavailableError
from opsagent.ports.executor import Order
from sql_place import Place, seen

SOON_S = 5.0  # many times what the limits below add up to


@dataclass
class Line:
    """A way to a database through which, once it is silent, nothing comes back."""

    port: int
    speaks: asyncio.Event
    taken: asyncio.Event  # somebody came

    def of(self, order: Order) -> Order:
        address = order.connection.address.replace(str(urlsplit(order.connection.address).port), str(self.port))
        return replace(order, connection=replace(order.connection, address=address))


@contextlib.asynccontextmanager
async def line(port: int) -> AsyncIterator[Line]:
    speaks, taken = asyncio.Event(), asyncio.Event()
    speaks.set()

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while (data := await source.read(65536)) and await speaks.wait():
                sink.write(data)
        sink.close()

    ends: list[asyncio.StreamWriter] = []
    carried: list[asyncio.Future[None]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        ends.extend((writer, back))
        taken.set()
        carried.extend(asyncio.ensure_future(one) for one in (carry(reader, back), carry(there, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield Line(server.sockets[0].getsockname()[1], speaks, taken)
    finally:
        server.close()
        speaks.set()
        for end in ends:
            end.close()
        await asyncio.gather(*carried)


@pytest_asyncio.fixture
async def hasty(place: Place) -> Place:
    config = SqlConfig(connect_timeout_s=0.4, lock_timeout_s=0.2, slack_s=0.2, close_timeout_s=0.3)
    return replace(place, executor=SqlExecutor(config, clock=SystemClock(), redactor=str))


def sleeping(place: Place, number: int) -> str:
    sleep = f"'x' || pg_sleep({number})::text" if place.is_postgres else f"concat('x', sleep({number}))"
    return f"update orders set state = {sleep} where id = 1"


async def test_a_server_that_accepts_and_says_nothing(hasty: Place) -> None:
    async with line(hasty.database.port) as way:
        way.speaks.clear()
        order = way.of(hasty.change("delete from orders"))
        began = time.monotonic()
        with pytest.raises(ExecutionError, match=r"not started.*no answer"):
            await hasty.executor.run(order)
        with pytest.raises(UnavailableError, match="no answer"):
            await hasty.executor.trace(order)
        assert not (await hasty.executor.test(order.connection, order.login)).ok
        assert time.monotonic() - began < SOON_S


async def test_a_start_can_be_cancelled_while_the_server_says_nothing(hasty: Place) -> None:
    async with line(hasty.database.port) as way:
        way.speaks.clear()
        patient = SqlExecutor(SqlConfig(), clock=SystemClock(), redactor=str)
        task = asyncio.ensure_future(patient.run(way.of(hasty.change("delete from orders"))))
        await asyncio.wait_for(way.taken.wait(), SOON_S)
        assert not task.done()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=SOON_S)
        assert done
        assert task.cancelled()


async def test_a_server_that_falls_silent_in_the_middle_leaves_an_unknown_effect(hasty: Place) -> None:
    async with line(hasty.database.port) as way:
        order = way.of(hasty.change(sleeping(hasty, 35), timeout_s=1.0))
        task = asyncio.ensure_future(hasty.executor.run(order))
        await seen(hasty, "sleep(35)", 1)
        way.speaks.clear()
        done, _ = await asyncio.wait({task}, timeout=SOON_S)
        assert done
        assert (task.result().known, task.result().exit_code) == (False, None)
    await seen(hasty, "sleep(35)", 0)


async def test_cancelling_helps_when_the_server_fell_silent(hasty: Place) -> None:
    async with line(hasty.database.port) as way:
        order = way.of(hasty.change(sleeping(hasty, 36), timeout_s=3.0))
        task = asyncio.ensure_future(hasty.executor.run(order))
        await seen(hasty, "sleep(36)", 1)
        way.speaks.clear()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=SOON_S)
        assert done
        assert task.cancelled()
    await seen(hasty, "sleep(36)", 0)


async def test_recovery_gives_up_when_the_server_falls_silent(hasty: Place) -> None:
    """It waits for a session that works under the token; then nothing comes back any more."""
    order = hasty.change(sleeping(hasty, 37), timeout_s=1.5)
    task = asyncio.ensure_future(hasty.executor.run(order))
    await seen(hasty, "sleep(37)", 1)
    async with line(hasty.database.port) as way:
        tracing = asyncio.ensure_future(hasty.executor.trace(replace(way.of(order), patience_s=1.0)))
        found = f"SELECT IS_USED_LOCK('opsagent:trace.{order.token}')"
        if hasty.is_postgres:
            found = (
                f"SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'opsagent:trace.{order.token}' "
                "AND query LIKE 'SELECT pid FROM%'"
            )
        async with asyncio.timeout(SOON_S):
            while (await hasty.sql(found))[0][0] is None:
                await asyncio.sleep(0.02)
        way.speaks.clear()
        with pytest.raises(UnavailableError, match="does not answer"):
            async with asyncio.timeout(SOON_S):
                await tracing
    await task
