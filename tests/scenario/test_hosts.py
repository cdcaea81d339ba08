"""Runbooks that work on another machine over SSH: what is read, approved, repaired, and taken back to the byte."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import ROBOT, TENANT, House
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.manifest import Decision
from opsagent.domain.run import RunStatus, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import TicketStatus
from servers.openssh import Host, openssh

RUNBOOK = """---
id: pool-too-small
title: The pool is too small
alerts: [PoolTooSmall]
measures:
  PoolTooSmall:
    run: grep -qx 'pool = 20' {{connection.config}}
    for: 100ms
    every: 50ms
---
# The pool is too small

## Diagnosis

```shell name=look capture="size:^pool = ([0-9]+)$"
grep -x 'pool = [0-9]*' {{connection.config}}
```

## Mitigation

```shell name=grow save={{connection.config}} undo=restore
%s
```
"""
GROWS = "sed -i 's/^pool = .*/pool = 20/' {{connection.config}}"
FAILS_HALFWAY = "sed -i 's/^pool = .*/pool = 7/' {{connection.config}}; truncate -s -3 {{connection.config}}; false"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with openssh() as made:
        yield made


@pytest.fixture
def config(host: Host) -> Path:
    path = host.folder / "shop.conf"
    path.write_bytes(b"# t\xc3\xa4st\r\npool = 5\nraw = \x00\xff\nend without newline")
    path.chmod(0o640)
    return path


@pytest.fixture
async def house(make_house, host: Host, config: Path) -> House:
    made: House = await make_house()
    key = Credential(id="", tenant=TENANT, name="web1-key", kind=CredentialKind.SSH_KEY)
    await made.app.broker.keep(key, {"private_key": host.private_key}, ROBOT.id)
    connection = Connection(
        id="",
        tenant=TENANT,
        name="web1",
        executor="ssh",
        address=host.address,
        labels={"instance": "web1"},
        credential="web1-key",
        options={"host_key": host.host_key, "state_dir": str(host.state)},
        values={"config": str(config)},
    )
    made.app.check_connection(connection)
    await made.app.stores.connections.put(connection, ROBOT.id)
    return made


async def test_an_alert_of_a_host_is_repaired_there_after_a_person_agreed(house: House, config: Path) -> None:
    await house.add_runbook(RUNBOOK % GROWS)
    run = await house.drive(await house.alert("PoolTooSmall", service="pool", instance="web1"))
    assert run.status is RunStatus.AWAITING_APPROVAL, (run.error, await house.timeline(run))
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.target == "web1"
    assert question.manifest.writes == (str(config),)
    run = await house.approve(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
    assert b"pool = 20\n" in config.read_bytes()
    steps = await house.steps(run)
    assert steps["look"].verdict is not None
    assert steps["look"].verdict.decision is Decision.ALLOW
    assert steps["grow"].outcome is not None
    assert steps["grow"].outcome.backend == "ssh"


async def test_a_repair_that_fails_halfway_is_taken_back_to_the_byte_and_a_person_is_told(
    house: House, config: Path
) -> None:
    before, mode = config.read_bytes(), config.stat().st_mode
    await house.add_runbook(RUNBOOK % FAILS_HALFWAY)
    run = await house.approve(await house.drive(await house.alert("PoolTooSmall", service="pool", instance="web1")))
    assert run.status is RunStatus.FAILED, await house.timeline(run)
    assert (config.read_bytes(), config.stat().st_mode) == (before, mode)
    assert (await house.steps(run))["grow"].status is StepStatus.UNDONE
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.ESCALATED


async def test_a_script_that_changed_after_the_approval_is_not_started(house: House, host: Host, config: Path) -> None:
    script = host.folder / "grow.sh"
    script.write_text(GROWS.replace("{{connection.config}}", str(config)))
    await house.add_runbook(RUNBOOK % f"bash {script}")
    run = await house.drive(await house.alert("PoolTooSmall", service="pool", instance="web1"))
    good = script.read_text()
    script.write_text(f"rm {config}")
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL  # asked again, about what it is now
    assert b"pool = 5\n" in config.read_bytes()
    script.write_text(good)
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL
    run = await house.approve(run)
    assert run.status is RunStatus.COMPLETED
    assert b"pool = 20\n" in config.read_bytes()


async def test_the_key_is_nowhere(house: House, host: Host, config: Path, tmp_path: Path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    await house.add_runbook(RUNBOOK % GROWS)
    run = await house.approve(await house.drive(await house.alert("PoolTooSmall", service="pool", instance="web1")))
    tested = await house.app.test_connection(await house.app.stores.connections.get(TENANT, "web1"))
    assert [one.ok for one in tested] == [True]
    lines = [line for line in host.private_key.splitlines() if len(line) > 30 and "-----" not in line]
    seen = [caplog.text, await house.timeline(run), str(await house.steps(run)), str(tested)]
    seen += [str(entry) for entry in await house.app.stores.audit.list(TENANT)]
    for line in lines:
        assert not [text for text in seen if line in text]
        for folder in (tmp_path, host.state):
            for where, _, files in os.walk(folder):
                for name in files:
                    path = Path(where, name)
                    if path.is_file() and not path.is_symlink():
                        assert line.encode() not in path.read_bytes(), path
