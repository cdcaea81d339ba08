"""One runbook over a host, a database and an API: looked at over SSH, repaired by SQL, verified over HTTP, undone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from house import ROBOT, TENANT, House
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.manifest import Decision
from opsagent.domain.run import RunStatus, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import TicketStatus
from servers.databases import READ_PASSWORD, WRITE_PASSWORD, Database, postgresql
from servers.openssh import Host, openssh

RUNBOOK = """---
id: order-stuck
title: An order is stuck
alerts: [OrderStuck]
measures:
  OrderStuck:
    run: GET /orders/7
    executor: http
    connection: shop-api
    expect: {json: state, equals: open}
    for: 100ms
    every: 50ms
---
# An order is stuck

## Diagnosis

```shell name=which connection=web1 capture="order:^order ([0-9]+) is stuck$"
grep stuck {{connection.log}}
```

```sql name=look connection=shopdb capture="before:^([a-z]+)$"
select state from orders where id = {{order}}
```

## Mitigation

```shell name=quiet connection=web1 save={{connection.config}} undo=restore
sed -i 's/^retry = .*/retry = off/' {{connection.config}}
```

```sql name=free connection=shopdb rows=1 undo="update orders set state = {{before}} where id = {{order}}"
update orders set state = 'open' where id %s {{order}}
```

## Verify

```http name=answers connection=shop-api expect=json:state=open
GET /orders/{{order}}
```
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with openssh() as made:
        yield made


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with postgresql() as made:
        yield made


@contextmanager
def shop_api(database: Database) -> Iterator[int]:
    """An API that says what stands in the database."""

    class Orders(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with owner(database) as sql:
                row = sql.execute("SELECT state FROM orders WHERE id = %s", (self.path.rpartition("/")[2],)).fetchone()
            body = json.dumps({"state": row[0] if row else None}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """It is a test."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Orders) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def owner(database: Database) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=database.port, user="ops", dbname="postgres", autocommit=True)


@pytest.fixture
def config(host: Host) -> Path:
    (host.folder / "shop.log").write_text("order 6 is fine\norder 7 is stuck\n")
    path = host.folder / "shop.conf"
    path.write_bytes(b"retry = 5\r\nraw = \x00\xff no newline")
    return path


@pytest.fixture
async def house(make_house, host: Host, database: Database, config: Path) -> Iterator[House]:
    made: House = await make_house()
    with owner(database) as sql:
        sql.execute("DROP TABLE IF EXISTS orders")
        sql.execute("CREATE TABLE orders (id int PRIMARY KEY, state text)")
        sql.execute("INSERT INTO orders VALUES (7, 'locked'), (8, 'paid')")
        sql.execute("ALTER TABLE orders OWNER TO writer")
    for name, kind, values in (
        ("web1-key", CredentialKind.SSH_KEY, {"private_key": host.private_key}),
        ("reader", CredentialKind.PASSWORD, {"username": "reader", "password": READ_PASSWORD}),
        ("writer", CredentialKind.PASSWORD, {"username": "writer", "password": WRITE_PASSWORD}),
    ):
        await made.app.broker.keep(Credential(id="", tenant=TENANT, name=name, kind=kind), values, ROBOT.id)
    with shop_api(database) as port:
        for name, executor, address, options, given in (
            ("web1", "ssh", host.address, {"host_key": host.host_key, "state_dir": str(host.state)},
             {"credential": "web1-key", "labels": {"instance": "web1"},
              "values": {"log": f"{host.folder}/shop.log", "config": str(config)}}),
            ("shopdb", "sql", database.address, {}, {"credential": "writer", "read_credential": "reader"}),
            ("shop-api", "http", f"http://127.0.0.1:{port}", {"allow_private": "true"}, {}),
        ):  # fmt: skip
            connection = Connection(
                id="", tenant=TENANT, name=name, executor=executor, address=address, options=options, **given
            )
            made.app.check_connection(connection)
            await made.app.stores.connections.put(connection, ROBOT.id)
        yield made


def orders(database: Database) -> list[tuple[int, str]]:
    with owner(database) as sql:
        return sql.execute("SELECT id, state FROM orders ORDER BY id").fetchall()


async def test_looked_at_on_a_host_repaired_in_a_database_verified_over_an_api(
    house: House, database: Database, config: Path
) -> None:
    await house.add_runbook(RUNBOOK % "=")
    run = await house.drive(await house.alert("OrderStuck", service="orders", instance="web1"))
    run = await house.approve(run)
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.target == "shopdb"
    assert "order = '7' (capture order)" in question.command
    assert orders(database)[0] == (7, "locked")
    run = await house.approve(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
    assert orders(database) == [(7, "open"), (8, "paid")]
    steps = await house.steps(run)
    decisions = {name: steps[name].verdict.decision for name in ("which", "look", "quiet", "free", "answers")}
    assert decisions == {
        "which": Decision.ALLOW, "look": Decision.ALLOW, "answers": Decision.ALLOW,
        "quiet": Decision.ASK, "free": Decision.ASK,
    }  # fmt: skip
    assert b"retry = off" in config.read_bytes()


async def test_a_fix_that_fails_halfway_is_undone_on_every_target_and_a_person_is_told(
    house: House, database: Database, config: Path
) -> None:
    before = config.read_bytes()
    await house.add_runbook(RUNBOOK % ">=")  # would change two rows
    run = await house.drive(await house.alert("OrderStuck", service="orders", instance="web1"))
    run = await house.approve(await house.approve(run))
    assert run.status is RunStatus.FAILED, await house.timeline(run)
    assert orders(database) == [(7, "locked"), (8, "paid")]
    assert config.read_bytes() == before
    steps = await house.steps(run)
    assert steps["quiet"].status is StepStatus.UNDONE
    assert "would change 2 rows" in str(steps["free"].outcome)
    assert (await house.app.stores.tickets.get(TENANT, run.ticket_id)).status is TicketStatus.ESCALATED
