"""The file itself: how it is opened, who may read it, what a person sees in it, and which index serves which list."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.dialects.sqlite import dialect

from opsagent.adapters.stores.known import _LAST_END, _OPEN_RUN
from opsagent.adapters.stores.tables import tickets
from opsagent.domain.notice import Slots
from opsagent.domain.run import RunStatus, Source
from opsagent.domain.ticket import TicketStatus
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns


async def pragma(stores: Stores, name: str) -> object:
    engine = stores.runs._engine  # type: ignore[attr-defined] # the one way to the writer's own connection
    return await engine.write("test", lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


async def test_the_writer_is_set_up_for_safety(stores: Stores) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    assert [await pragma(stores, name) for name in names] == ["wal", 2, 1, 200]


async def test_readers_cannot_write(stores: Stores) -> None:
    engine = stores.runs._engine  # type: ignore[attr-defined] # the one way to a reader's own connection
    assert await engine.read(lambda connection: connection.exec_driver_sql("PRAGMA query_only").scalar_one()) == 1


async def test_every_file_is_for_its_owner_alone(tmp_path: Path, nouns: Nouns, stores: Stores) -> None:
    await stores.runs.create(nouns.run())
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes) >= {"opsagent.db", "opsagent.db-wal", "opsagent.db-shm", "audit.key", "lock"}
    assert set(modes.values()) == {0o600}


async def test_a_person_can_read_it_with_sqlite3(tmp_path: Path, nouns: Nouns, stores: Stores) -> None:
    run = await stores.runs.create(nouns.run())
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    step = nouns.step(run)
    await stores.runs.save(claimed[0], Change(run=claimed[1], steps=[step], approvals=[nouns.approval(step)]))
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as database:
        session = database.execute("SELECT source, status, task, created, due, worker FROM sessions").fetchone()
        assert session == ("api", "queued", run.task, "2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z", "w1")
        assert database.execute("SELECT name, status, command FROM steps").fetchone() == (
            "restart",
            "proposed",
            "systemctl restart shop",
        )
        assert database.execute("SELECT status, target FROM approvals").fetchone() == ("pending", "host:web-1")


async def statements(stores: Stores, call: object) -> list[tuple[str, object]]:
    """What a call asks of the database."""
    engine = stores.runs._engine  # type: ignore[attr-defined] # the one way to a connection
    seen: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        seen.append((statement, parameters))

    connections: list[object] = []
    await engine.read(connections.append)
    for connection in {id(one): one for one in [*engine._reading, *connections]}.values():
        event.listen(connection, "before_cursor_execute", note)
    await call  # type: ignore[misc] # a coroutine of any result
    return [one for one in seen if one[0].startswith(("SELECT", "WITH"))]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("newest", "runs_newest "),
        ("by_source", "runs_newest_by_source "),
        ("by_status", "runs_newest_by_status "),
        ("by_both", "runs_newest_by_both "),
        ("due", "runs_due"),
        ("by_words", "runs_newest "),
        ("by_status_and_words", "runs_newest_by_status "),
        ("tickets", "tickets_newest_by_status"),
        ("alongside", "members_alongside"),
        ("deployments", "deployments_of_service"),
        ("pending", "approvals_by_status"),
        ("notices", "notices_due"),
    ],
)
async def test_each_list_is_one_index_range(tmp_path: Path, stores: Stores, name: str, index: str) -> None:
    calls = {
        "newest": lambda: stores.runs.list("acme", cursor="WzEuMCwiYSJd"),
        "by_source": lambda: stores.runs.list("acme", source=Source.API, cursor="WzEuMCwiYSJd"),
        "by_status": lambda: stores.runs.list("acme", status=RunStatus.QUEUED),
        "by_both": lambda: stores.runs.list("acme", status=RunStatus.QUEUED, source=Source.API),
        "due": lambda: stores.runs.due(10),
        "by_words": lambda: stores.runs.list("acme", text="disk web"),
        "by_status_and_words": lambda: stores.runs.list("acme", text="disk", status=RunStatus.QUEUED),
        "tickets": lambda: stores.tickets.list("acme", status=TicketStatus.OPEN),
        "alongside": lambda: stores.triage.alongside(
            "acme", service="shop", environment="prod", other_than="f1", since=1.0
        ),
        "deployments": lambda: stores.deployments.list("acme", service="shop", since=1.0),
        "pending": lambda: stores.approvals.pending("acme"),
        "notices": lambda: stores.notices.take(Slots(), 30),
    }
    await calls[name]()  # so that a reader is there
    asked = await statements(stores, calls[name]())
    assert len(asked) == (2 if name == "notices" else 1)  # a range for each lane
    statement, parameters = asked[-1]
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as database:
        plan = " | ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))
    assert f"INDEX {index}" in plan
    if name.endswith("words"):  # each run that is passed leads to its short text by the whole key
        texts = "SEARCH run_texts USING PRIMARY KEY (tenant=? AND created_at=? AND run_id=?)"
        assert plan.endswith(f"CORRELATED SCALAR SUBQUERY 1 | {texts}"), plan
    if name == "due":  # the tenants found so far are gone through, and the first rows of each are put in turn
        searches = [part for part in plan.split(" | ") if part.startswith(("SCAN ", "SEARCH "))]
        assert all(part.startswith(("SCAN tenants", "SEARCH ", "SCAN (subquery")) for part in searches), plan
        return
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


async def test_a_tickets_runs_are_found_by_their_index(tmp_path: Path, nouns: Nouns, stores: Stores) -> None:
    await stores.tickets.receive([nouns.arrival()])
    statement = str(
        select(_OPEN_RUN, _LAST_END).select_from(tickets).where(tickets.c.tenant == "acme").compile(dialect=dialect())
    )
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as database:
        plan = " | ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", ("acme",)))
    assert plan.count("INDEX runs_of_ticket (tenant=? AND ticket_id=?") == 2, plan
