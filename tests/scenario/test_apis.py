"""One runbook over an HTTP API: look, capture out of JSON, ask, change, verify; undo, probe, no secret anywhere."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from house import PERSON, ROBOT, TENANT, House
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.run import Run, RunStatus, Source, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import InputError
from servers.api import TOKEN, Api, api

RUNBOOK = """---
id: order-stuck
title: An order is stuck
parameters:
  order: '^[0-9]{1,9}$'
measures:
  '*':
    run: GET /orders/7
    executor: http
    connection: orders
    expect: {json: state, equals: open}
    for: 100ms
    every: 50ms
---
# An order is stuck

## Diagnosis

```http name=look connection=orders capture=before:json:state expect=status:200
GET /orders/{{order}}
Accept: application/json
```

## Mitigation

<!-- step
name: free
connection: orders
probe: GET /orders/{{order}}/freed
undo: |
  POST /orders/{{order}}/state
  Content-Type: application/json

  {"state": "{{before}}"}
-->
```http
POST /orders/{{order}}/state
Content-Type: application/json

{"state": "%(state)s", "was": "{{before}}"}
```

## Verify

```http name=freed connection=orders expect=json:state=open
GET /orders/{{order}}
```
"""


@pytest.fixture
def orders() -> Iterator[Api]:
    with api(wants=f"Bearer {TOKEN}") as made:
        yield made


@pytest.fixture
async def house(make_house, orders: Api) -> House:
    made: House = await make_house()
    credential = Credential(id="", tenant=TENANT, name="orders-key", kind=CredentialKind.TOKEN)
    await made.app.broker.keep(credential, {"token": TOKEN}, ROBOT.id)
    await made.app.stores.connections.put(connection(orders), ROBOT.id)
    return made


def connection(orders: Api, **options: str) -> Connection:
    return Connection(
        id="",
        tenant=TENANT,
        name="orders",
        executor="http",
        reach=Reach.SANDBOX,
        address=orders.url,
        options={"allow_private": "true", **options},
        credential="orders-key",
    )


async def ask(house: House) -> Run:
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="free it", requested_by=PERSON.id, runbook_id="order-stuck",
        connection="shop", parameters={"order": "7"},
    )  # fmt: skip
    return await house.app.agent.submit(trigger)


async def test_an_order_is_freed_after_a_person_agreed(house: House, orders: Api) -> None:
    await house.add_runbook(RUNBOOK % {"state": "open"})
    run = await house.drive(await ask(house))
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.target == "orders"
    assert question.command == (
        'POST /orders/7/state\nContent-Type: application/json\n\n{"state": "open", "was": "locked"}'
    )
    assert question.manifest.writes == (f"POST {orders.url}/orders/7/state",)
    assert not orders.effects
    run = await house.approve(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), (await house.steps(run))["free"].outcome
    assert orders.effects == ["POST /v1/orders/7/state"]
    assert orders.orders == {"7": "open"}
    steps = await house.steps(run)
    assert steps["look"].outcome is not None
    assert steps["look"].outcome.status == 200
    assert [span.origin for span in steps["free"].command.outside] == ["parameter order", "capture before"]


async def test_what_does_not_help_is_taken_back(house: House, orders: Api) -> None:
    await house.add_runbook(RUNBOOK % {"state": "worse"})
    run = await house.approve(await house.drive(await ask(house)))
    assert run.status is RunStatus.FAILED
    assert orders.orders == {"7": "locked"}
    assert orders.effects == ["POST /v1/orders/7/state"] * 2
    assert (await house.steps(run))["free"].status is StepStatus.UNDONE


async def test_a_lost_answer_is_looked_up_by_the_probe(house: House, orders: Api) -> None:
    """The order is there, so the probe says that it happened."""
    orders.drop = 1
    await house.add_runbook((RUNBOOK % {"state": "open"}).replace("/freed", ""))
    run = await house.approve(await house.drive(await ask(house)))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), (await house.steps(run))["free"].outcome
    assert (await house.steps(run))["free"].status is StepStatus.HAPPENED
    assert orders.effects == ["POST /v1/orders/7/state"]


@pytest.mark.parametrize(("equals", "said"), [("open", StepStatus.HAPPENED), ("gone", StepStatus.NOT_HAPPENED)])
async def test_what_a_probe_finds_is_held_against_what_it_expects(
    house: House, orders: Api, equals: str, said: StepStatus
) -> None:
    orders.drop = 1
    probe = f"probe: {{run: 'GET /orders/{{{{order}}}}', expect: {{json: state, equals: {equals}}}}}"
    await house.add_runbook((RUNBOOK % {"state": "open"}).replace("probe: GET /orders/{{order}}/freed", probe))
    run = await house.approve(await house.drive(await ask(house)))
    steps = await house.app.stores.journal.steps(TENANT, run.id)
    assert [one.status for one in steps if one.name == "free" and one.attempt == 1] == [said]


async def test_a_probe_that_finds_an_api_in_trouble_leaves_it_to_a_person(house: House, orders: Api) -> None:
    orders.drop = 1
    await house.add_runbook((RUNBOOK % {"state": "open"}).replace("/orders/{{order}}/freed", "/trouble"))
    run = await house.approve(await house.drive(await ask(house)))
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert (await house.steps(run))["free"].status is StepStatus.UNKNOWN
    assert orders.effects == ["POST /v1/orders/7/state"]


async def test_under_an_idempotency_key_nobody_has_to_be_asked(house: House, orders: Api) -> None:
    await house.app.stores.connections.put(connection(orders, idempotency_header="Idempotency-Key"), ROBOT.id)
    orders.drop = 1
    await house.add_runbook(RUNBOOK % {"state": "open"})
    run = await house.approve(await house.drive(await ask(house)))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), (await house.steps(run))["free"].outcome
    assert (await house.steps(run))["free"].status is StepStatus.SUCCEEDED
    assert orders.effects == ["POST /v1/orders/7/state"]


async def test_a_changed_registration_asks_again(house: House, orders: Api) -> None:
    await house.add_runbook(RUNBOOK % {"state": "open"})
    run = await house.drive(await ask(house))
    await house.app.stores.connections.put(connection(orders, idempotency_header="Idempotency-Key"), ROBOT.id)
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert not orders.effects


async def test_a_registration_that_cannot_work_is_refused(house: House, orders: Api) -> None:
    house.app.check_connection(connection(orders))
    with pytest.raises(InputError, match="Unknown option"):
        house.app.check_connection(connection(orders, verify="no"))


async def test_no_value_is_anywhere(house: House, orders: Api, tmp_path: Path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    await house.add_runbook((RUNBOOK % {"state": "open"}).replace("GET /orders/{{order}}\nAccept", "GET /echo\nAccept")
                            .replace("capture=before:json:state", "capture=before:json:host"))  # fmt: skip
    run = await house.drive(await ask(house))
    run = await house.approve(run)
    tested = await house.app.test_connection(connection(orders))
    assert [one.ok for one in tested] == [True]
    look = (await house.steps(run))["look"].outcome
    assert look is not None
    assert "[redacted]" in look.stdout
    seen = [caplog.text, await house.timeline(run), str(tested), str(await house.steps(run)), str(run)]
    seen += [str(entry) for entry in await house.app.stores.audit.list(TENANT)]
    seen.append(subprocess.run(["ps", "axewww"], capture_output=True, text=True, check=True).stdout)
    assert not [text for text in seen if TOKEN in text]
    for folder, _, files in os.walk(tmp_path):
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                assert TOKEN.encode() not in path.read_bytes(), path


async def test_the_timeline_says_why_a_step_was_not_started(house: House, orders: Api) -> None:
    found = await house.app.stores.connections.get(TENANT, "orders")
    await house.app.stores.connections.put(replace(found, options={"allow_plain": "true"}), ROBOT.id)
    await house.add_runbook(RUNBOOK % {"state": "open"})
    run = await house.drive(await ask(house))
    said = await house.timeline(run)
    assert "failed: It was not started: " in said
    assert "never reported" not in said
    assert not orders.asked
