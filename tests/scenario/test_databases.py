"""One runbook over this machine and a real database: look, capture, read with it, ask, write, verify; and secrets."""

# ruff: noqa: S608 - the tests write their own statements

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from house import PERSON, ROBOT, TENANT, House
from opsagent.domain.approval import ApprovalStatus
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.run import RunStatus, Source, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from servers.databases import READ_PASSWORD, WRITE_PASSWORD, Database, postgresql

RUNBOOK = """---
id: order-stuck
title: An order is stuck
measures:
  '*':
    run: select state from orders where id = 7
    executor: sql
    connection: shopdb
    expect: /^open$/
    for: 100ms
    every: 50ms
---
# An order is stuck

## Diagnosis

```shell name=which capture="order:^stuck=([0-9]+)$"
cat {{connection.state}}
```

```sql name=look connection=shopdb capture="before:^([a-z]+)$"
select state from orders where id = {{order}}
```

## Mitigation

```sql name=free connection=shopdb rows=%(rows)s undo="update orders set state = {{before}} where id = {{order}}"
update orders set state = %(state)s where id >= {{order}}
```

## Verify

```sql name=freed connection=shopdb expect=/^open$/
select state from orders where id = {{order}}
```
"""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with postgresql() as made:
        yield made


@pytest.fixture
async def house(make_house, database: Database) -> House:
    made: House = await make_house()
    made.world.state.write_text("stuck=7\n")
    with owner(database) as sql:
        sql.execute("DROP TABLE IF EXISTS orders")
        sql.execute("CREATE TABLE orders (id int PRIMARY KEY, state text)")
        sql.execute("INSERT INTO orders VALUES (1, 'open'), (7, 'locked')")
        sql.execute("ALTER TABLE orders OWNER TO writer")
    for name, password in (("reader", READ_PASSWORD), ("writer", WRITE_PASSWORD)):
        credential = Credential(id="", tenant=TENANT, name=name, kind=CredentialKind.PASSWORD)
        await made.app.broker.keep(credential, {"username": name, "password": password}, ROBOT.id)
    connection = Connection(
        id="",
        tenant=TENANT,
        name="shopdb",
        executor="sql",
        reach=Reach.SANDBOX,
        address=database.address,
        credential="writer",
        read_credential="reader",
    )
    made.app.check_connection(connection)
    await made.app.stores.connections.put(connection, ROBOT.id)
    return made


def owner(database: Database) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=database.port, user="ops", dbname="postgres", autocommit=True)


def state_of(database: Database) -> list[tuple[int, str]]:
    with owner(database) as sql:
        return sql.execute("SELECT id, state FROM orders ORDER BY id").fetchall()


async def ask(house: House):
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="free it", requested_by=PERSON.id, runbook_id="order-stuck",
        connection="shop",
    )  # fmt: skip
    return await house.app.agent.submit(trigger)


async def test_a_value_read_here_is_looked_up_there_and_repaired_after_a_person_agreed(
    house: House, database: Database
) -> None:
    await house.add_runbook(RUNBOOK % {"rows": "1", "state": "'open'"})
    run = await house.drive(await ask(house))
    assert run.scope == ("shop", "shopdb")
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.target == "shopdb"
    assert "order = '7' (capture order)" in question.command
    assert question.manifest.writes == ("orders",)
    assert state_of(database)[1] == (7, "locked")
    run = await house.approve(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES)
    assert state_of(database) == [(1, "open"), (7, "open")]
    steps = await house.steps(run)
    assert steps["look"].command.credential == "reader"
    assert steps["free"].command.credential == "writer"
    assert steps["free"].outcome is not None
    assert steps["free"].outcome.stdout == "rows: 1\n"


async def test_what_does_not_help_is_written_back_as_it_was(house: House, database: Database) -> None:
    await house.add_runbook(RUNBOOK % {"rows": "1", "state": "'worse'"})
    run = await house.approve(await house.drive(await ask(house)))
    assert run.status is RunStatus.FAILED
    assert state_of(database) == [(1, "open"), (7, "locked")]
    assert (await house.steps(run))["free"].status is StepStatus.UNDONE


async def test_a_statement_that_would_change_more_rows_changes_none(house: House, database: Database) -> None:
    with owner(database) as sql:
        sql.execute("INSERT INTO orders VALUES (8, 'paid'), (9, 'paid')")
    await house.add_runbook(RUNBOOK % {"rows": "1", "state": "'open'"})
    run = await house.approve(await house.drive(await ask(house)))
    assert run.status is RunStatus.FAILED
    assert "would change 3 rows" in str((await house.steps(run))["free"].outcome)
    assert state_of(database) == [(1, "open"), (7, "locked"), (8, "paid"), (9, "paid")]


async def test_a_new_password_asks_again(house: House, database: Database) -> None:
    await house.add_runbook(RUNBOOK % {"rows": "1", "state": "'open'"})
    run = await house.drive(await ask(house))
    credential = Credential(id="", tenant=TENANT, name="writer", kind=CredentialKind.PASSWORD)
    await house.app.broker.keep(credential, {"username": "writer", "password": WRITE_PASSWORD}, ROBOT.id)
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL
    asked = await house.app.stores.approvals.of_run(TENANT, run.id)
    assert [one.status for one in asked][-1] is ApprovalStatus.PENDING
    assert len(asked) == 2
    assert state_of(database)[1] == (7, "locked")


async def test_a_connection_that_may_not_use_the_credential_is_denied(house: House) -> None:
    await house.add_runbook(RUNBOOK % {"rows": "1", "state": "'open'"})
    credential = Credential(
        id="", tenant=TENANT, name="writer", kind=CredentialKind.PASSWORD, connections=("elsewhere",)
    )
    await house.app.broker.keep(credential, {"username": "writer", "password": WRITE_PASSWORD}, ROBOT.id)
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.FAILED
    assert "may not use" in run.error


async def test_no_value_is_anywhere(house: House, database: Database, tmp_path: Path, caplog) -> None:
    """After a run: database, its log, artifacts, tokens, timeline, audit, log lines, process list, test results."""
    caplog.set_level(logging.DEBUG)
    await house.add_runbook(RUNBOOK % {"rows": "1", "state": "'open'"})
    with owner(database) as sql:  # a server that gives a secret away in its answer
        sql.execute(f"UPDATE orders SET state = 'leak {WRITE_PASSWORD}' WHERE id = 7")
    run = await house.drive(await ask(house))
    connection = await house.app.stores.connections.get(TENANT, "shopdb")
    tested = await house.app.test_connection(connection)
    assert [one.ok for one in tested] == [True, True]
    look = (await house.steps(run))["look"].outcome
    assert look is not None
    assert look.stdout == "leak [redacted]\n"
    seen = [caplog.text, await house.timeline(run), str(tested), str(await house.steps(run)), str(run)]
    seen += [str(entry) for entry in await house.app.stores.audit.list(TENANT)]
    seen.append(subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout)
    for secret in (READ_PASSWORD, WRITE_PASSWORD):
        assert not [text for text in seen if secret in text]
        for folder, _, files in os.walk(tmp_path):
            for name in files:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    assert secret.encode() not in path.read_bytes(), path
