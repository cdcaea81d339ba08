"""A service on a host with PowerShell over the whole loop: its key lies in Vault, a person agrees, it restarts once.

The host is a real OpenSSH server with a STAND-IN for PowerShell (servers/pwsh_stand_in.py), the Vault one of our own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import PERSON, ROBOT, TENANT, House
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind, Keeper
from opsagent.domain.run import RunStatus, Source, Verified
from opsagent.domain.trigger import Trigger
from servers import pwsh_stand_in
from servers.openssh import Host, openssh
from servers.vault import Vault, vault

RUNBOOK = """---
id: service-stopped
title: A service has stopped
parameters:
  service: {pattern: '^[A-Za-z]+$'}
measures:
  '*':
    run: Get-Service -Name Spooler
    executor: powershell
    expect: /Running/
    for: 100ms
    every: 50ms
---
# A service has stopped

## Diagnosis

```powershell name=look expect=/Stopped/
Get-Service -Name {{service}}
```

## Mitigation

```powershell name=start
Restart-Service -Name {{service}} -Force
```

## Verify

```powershell name=runs expect=/Running/
Get-Service -Name {{service}}
```
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("bin")
    for name, body in {
        "powershell": f'exec {sys.executable} {pwsh_stand_in.__file__} "$@"',
        "Get-Service": f"cat {folder}/state",
        "Restart-Service": f'echo Running > {folder}/state; echo "$2" >> {folder}/restarted',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    (folder / "state").write_text("Stopped\n")
    with openssh(lines=f"SetEnv PATH={folder}:/usr/bin:/bin\n") as made:
        (made.folder / "bin").symlink_to(folder)
        yield made


@pytest.fixture
def kept(host: Host) -> Iterator[Vault]:
    with vault() as running:
        running.roles["opsagent"] = "role-s3cret"
        running.write(f"{TENANT}/win", {"private_key": host.private_key})
        (host.folder / "bin" / "state").write_text("Stopped\n")
        (host.folder / "bin" / "restarted").unlink(missing_ok=True)
        yield running


@pytest.fixture
async def house(make_house, host: Host, kept: Vault) -> House:
    made: House = await make_house(vault_address=kept.address, vault_role_id="opsagent", vault_secret_id="role-s3cret")
    await made.app.broker.keep(
        Credential(
            id="",
            tenant=TENANT,
            name="win",
            kind=CredentialKind.SSH_KEY,
            keeper=Keeper.VAULT,
            reference=f"kv/data/{TENANT}/win",
        ),
        {},
        ROBOT.id,
    )
    connection = Connection(
        id="",
        tenant=TENANT,
        name="win1",
        executor="powershell",
        address=host.address,
        credential="win",
        options={"host_key": host.host_key, "state_dir": str(host.state)},
    )
    made.app.check_connection(connection)
    await made.app.stores.connections.put(connection, ROBOT.id)
    await made.add_runbook(RUNBOOK)
    return made


async def ask(house: House):
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="start it", requested_by=PERSON.id, runbook_id="service-stopped",
        connection="win1", parameters={"service": "Spooler"},
    )  # fmt: skip
    return await house.app.agent.submit(trigger)


def restarted(host: Host) -> str:
    file: Path = host.folder / "bin" / "restarted"
    return file.read_text() if file.exists() else ""


async def test_it_is_looked_at_agreed_to_restarted_once_and_measured(house: House, host: Host) -> None:
    run = await house.drive(await ask(house))
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.command == "Restart-Service -Name 'Spooler' -Force"
    assert question.manifest.services == ("Spooler",)
    assert restarted(host) == ""
    run = await house.approve(run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES)
    assert restarted(host) == "Spooler\n"


async def test_a_new_version_in_vault_asks_again(house: House, host: Host, kept: Vault) -> None:
    run = await house.drive(await ask(house))
    kept.write(f"{TENANT}/win", {"private_key": host.private_key})
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert len(await house.app.stores.approvals.of_run(TENANT, run.id)) == 2
    assert restarted(host) == ""
    run = await house.approve(run)
    assert (run.status, restarted(host)) == (RunStatus.COMPLETED, "Spooler\n")


async def test_a_deleted_secret_denies_it(house: House, host: Host, kept: Vault) -> None:
    kept.delete_newest(f"{TENANT}/win")
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.FAILED
    assert "deleted" in run.error
    assert restarted(host) == ""


async def test_a_sealed_vault_is_waited_for(house: House, host: Host, kept: Vault) -> None:
    kept.sealed = True
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.IN_PROGRESS
    assert "is sealed" in await house.timeline(run)
    assert restarted(host) == ""
    kept.sealed = False
    run = await house.drive(run)
    assert run.status is RunStatus.AWAITING_APPROVAL
