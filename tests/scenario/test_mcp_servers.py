"""One runbook over a real MCP server: read what both call a read, capture, ask for the rest, call it once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from house import PERSON, ROBOT, TENANT, House
from local_shell import eventually, open_folder
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.run import Run, RunStatus, Source, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from servers.mcp_http import TOKEN, HttpMcp, serve

RUNBOOK = """---
id: pod-stuck
title: A pod is stuck
parameters:
  namespace: '^[a-z]{1,20}$'
measures:
  '*':
    run: test -e {{connection.healthy}}
    connection: shop
    for: 100ms
    every: 50ms
---
# A pod is stuck

## Diagnosis

```mcp name=count connection=cluster capture="pods:^[a-z]+ has ([0-9]+) pods of 5$"
count_pods {"namespace": "{{namespace}}", "limit": 5}
```

## Mitigation

```mcp name=restart connection=cluster
%(tool)s {"name": "{{pods}}"}
```

```shell name=heal connection=shop
touch {{connection.healthy}}
```
"""


@pytest.fixture
def cluster() -> Iterator[HttpMcp]:
    with open_folder() as folder, serve(folder, wants=f"Bearer {TOKEN}") as made:
        yield made


@pytest.fixture
async def house(make_house, cluster: HttpMcp) -> AsyncIterator[House]:
    with open_folder() as folder:  # that the sandbox's user may pass, unlike pytest's own
        yield await _made(await make_house(sandbox_root=folder / "sandbox"), cluster)


async def _made(made: House, cluster: HttpMcp) -> House:
    credential = Credential(id="", tenant=TENANT, name="cluster-key", kind=CredentialKind.TOKEN)
    await made.app.broker.keep(credential, {"token": TOKEN}, ROBOT.id)
    await made.app.stores.connections.put(connection(cluster), ROBOT.id)
    return made


def connection(cluster: HttpMcp) -> Connection:
    return Connection(
        id="",
        tenant=TENANT,
        name="cluster",
        executor="mcp",
        reach=Reach.SANDBOX,
        address=cluster.url,
        options={"allow_private": "true", "reads": "count_pods"},
        credential="cluster-key",
    )


async def ask(house: House, tool: str = "restart_pod") -> Run:
    await house.add_runbook(RUNBOOK % {"tool": tool})
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="the pod is stuck", requested_by=PERSON.id, runbook_id="pod-stuck",
        connection="shop", parameters={"namespace": "shop"},
    )  # fmt: skip
    return await house.app.agent.submit(trigger)


def effects(cluster: HttpMcp) -> list[str]:
    noted = cluster.folder / "effects"
    return noted.read_text().splitlines() if noted.exists() else []


def newest_launcher(state: Path) -> int:
    """The process that took the latest start token of the run."""
    newest = max((one for one in state.iterdir() if one.is_symlink()), key=lambda one: one.lstat().st_mtime_ns)
    return int(str(newest.readlink()).partition(":")[0])


async def test_a_read_runs_and_an_effect_asks_and_is_called_once(
    house: House, cluster: HttpMcp, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = await house.drive(await ask(house))
    steps = await house.steps(run)
    assert steps["count"].status is StepStatus.SUCCEEDED, await house.timeline(run)
    assert run.captures == {"pods": "3"}
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.command == 'restart_pod {"name": "3"}'
    assert "keeps no record of calls" in question.reason
    assert not effects(cluster)
    run = await house.approve(run)
    assert effects(cluster) == ["restart 3"]
    run = await house.approve(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
    assert effects(cluster) == ["restart 3"]
    seen = [caplog.text, await house.timeline(run), str(await house.steps(run)), str(run)]
    assert not [text for text in seen if TOKEN in text]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


async def test_a_tool_that_changed_after_the_approval_asks_again(house: House, cluster: HttpMcp) -> None:
    run = await house.drive(await ask(house))
    (cluster.folder / "changed").write_text("Restarts a pod, and deletes its volume.")
    (first,) = await house.app.stores.approvals.pending(TENANT)
    run = await house.approve(run)
    assert not effects(cluster)
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    (again,) = await house.app.stores.approvals.pending(TENANT)
    assert again.digest != first.digest
    assert "deletes its volume" in again.reason


async def test_a_call_that_was_interrupted_is_left_to_a_person(house: House, cluster: HttpMcp) -> None:
    run = await house.drive(await ask(house, "silent_restart"))
    (question,) = await house.app.stores.approvals.pending(TENANT)
    await house.app.agent.decide(PERSON, question.id, grant=True, digest=question.digest)
    driving = asyncio.create_task(house.app.worker.drive(run.tenant, run.id))
    await eventually(lambda: effects(cluster))
    os.kill(newest_launcher(house.app.folder / "state" / run.id), signal.SIGKILL)
    await driving
    assert (await house.steps(run))["restart"].status is StepStatus.UNKNOWN, await house.timeline(run)
    run = await house.app.stores.runs.get(TENANT, run.id)
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert effects(cluster) == ["restart 3"]
    await house.app.agent.resolve(PERSON, run.id, question.step_number, "happened")
    await house.drive(run)
    assert effects(cluster) == ["restart 3"]
