"""A stopped machine in an AWS account: named by its account's id, looked at, asked, started, measured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from house import PERSON, ROBOT, TENANT, House
from local_shell import BACKENDS, Backend, open_folder
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.manifest import Decision
from opsagent.domain.run import RunStatus, Source, Verified
from opsagent.domain.trigger import Trigger
from servers.aws import ACCOUNT, BASE, REGION, ROLE, Cloud, aws

pytestmark = pytest.mark.skipif(BACKENDS == [Backend.RLIMITS], reason="apt-get install bubblewrap")

RUNBOOK = """---
id: instance-stopped
title: A machine is stopped
parameters:
  instance: { pattern: 'i-[0-9a-f]{8,17}' }
measures:
  '*':
    run: >-
      aws ec2 describe-instances --instance-ids {{instance}} --query 'Reservations[0].Instances[0].State.Name'
      --output text
    executor: aws
    expect: /^running$/
    for: 100ms
    every: 50ms
---
# A machine is stopped

## Diagnosis

```aws name=look capture="state:^([a-z]+)$"
aws ec2 describe-instances --instance-ids {{instance}} --query 'Reservations[0].Instances[0].State.Name' --output text
```

## Mitigation

```aws name=start undo="aws ec2 stop-instances --instance-ids {{instance}}"
aws ec2 start-instances --instance-ids {{instance}}
```

## Verify

```aws name=runs expect=/^running$/
aws ec2 describe-instances --instance-ids {{instance}} --query 'Reservations[0].Instances[0].State.Name' --output text
```
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Cloud]:
    with aws() as made:
        yield made


@pytest.fixture
async def house(make_house, served: Cloud) -> AsyncIterator[House]:
    served.calls.clear()
    with open_folder() as folder:  # the sandbox's user cannot pass pytest's own
        yield await furnished(await make_house(sandbox_root=folder / "sandbox"), served)


async def furnished(made: House, served: Cloud) -> House:
    credential = Credential(id="", tenant=TENANT, name="base", kind=CredentialKind.AWS)
    await made.app.broker.keep(credential, BASE, ROBOT.id)
    connection = Connection(
        id="",
        tenant=TENANT,
        name="prod-aws",
        executor="aws",
        address=f"aws://{ACCOUNT}/{REGION}",
        options={"role_arn": ROLE, "endpoint": served.endpoint, "account_name": "Shop Production"},
        credential="base",
    )
    made.app.check_connection(connection)
    await made.app.stores.connections.put(connection, ROBOT.id)
    await made.add_runbook(RUNBOOK)
    return made


async def ask(house: House, instance: str, text: str):
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text=text, requested_by=PERSON.id, runbook_id="instance-stopped",
        parameters={"instance": instance},
    )  # fmt: skip
    return await house.app.agent.submit(trigger)


@pytest.mark.parametrize("text", [f"a machine is stopped in {ACCOUNT}", "Shop Production: a machine is stopped"])
async def test_a_machine_is_started_in_the_account_the_ticket_names(house: House, served: Cloud, text: str) -> None:
    instance = served.instance()
    served.client("ec2").stop_instances(InstanceIds=[instance])
    run = await house.drive(await ask(house, instance, text))
    assert run.connection == "prod-aws"
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.target == "prod-aws"
    assert question.manifest.actions == ("ec2:StartInstances",)
    assert question.manifest.writes == (f"aws:ec2/{instance}",)
    assert served.state(instance) == "stopped"
    run = await house.approve(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), run.error
    assert served.state(instance) == "running"
    assert len(served.of("StartInstances")) == 1
    steps = await house.steps(run)
    assert [steps[name].verdict.decision for name in ("look", "start", "runs")] == [
        Decision.ALLOW, Decision.ASK, Decision.ALLOW,
    ]  # fmt: skip
    sessions = served.of("AssumeRole")
    assert {call.form["RoleSessionName"] for call in sessions} == {run.id}
    assert sum("ec2:StartInstances" in call.form["Policy"] for call in sessions) == 1


async def test_an_account_nobody_registered_ends_the_run_in_words(house: House, served: Cloud) -> None:
    run = await house.drive(await ask(house, "i-12345678", "a machine is stopped in 210987654321"))
    assert run.status is RunStatus.FAILED
    assert "210987654321 is not registered" in run.error + run.reason
    assert not served.calls


async def test_the_test_of_the_connection_names_the_account(house: House) -> None:
    connection = await house.app.stores.connections.get(TENANT, "prod-aws")
    (tested,) = await house.app.test_connection(connection)
    assert tested.ok, tested
    assert tested.facts["account"] == ACCOUNT
