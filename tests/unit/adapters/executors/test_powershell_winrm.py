"""PowerShell over WinRM, against a small server of our own (servers/wsman.py) that speaks WS-Management and PSRP.

No Windows is behind it. A test against a real one is switched on by OPSAGENT_LIVE_WINRM (see docs/windows.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.executors.powershell.config import PowerShellConfig
from opsagent.adapters.executors.powershell.executor import PowerShellExecutor
from opsagent.adapters.executors.powershell.over_ssh import SshLink
from opsagent.adapters.executors.powershell.over_winrm import WinRmLink
from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.executors.ssh.sessions import Sessions
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import ExecutionError, TokenTaken
from opsagent.ports.executor import Order, Traced
from opsagent.ports.secrets import Login
from servers.pwsh_stand_in import answer_to
from servers.wsman import Asked, Breaks, StillRuns, WinRm, winrm


def by_script(asked: list[Asked]) -> list[Any]:
    assert [one.is_script for one in asked] == [True]
    return [answer_to(asked[0].text)]


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[WinRm]:
    (tmp_path / "tls").mkdir()
    with winrm(tmp_path / "tls", by_script) as made:
        yield made


@pytest.fixture
def executor() -> PowerShellExecutor:
    return made_executor()


def made_executor() -> PowerShellExecutor:
    config = PowerShellConfig(connect_timeout_s=5.0)
    return PowerShellExecutor(
        config,
        ssh=SshLink(Sessions(SshConfig())),
        winrm=WinRmLink(config),
        clock=SystemClock(),
        ids=SystemIds(),
        redactor=lambda text: text,
    )


def order(windows: WinRm, text: str, state: Path, proof: Proof = Proof.EFFECT, **options: str) -> Order:
    options = {"auth": "basic", "certificate": windows.certificate, "state_dir": str(state), **options}
    return Order(
        tenant="t",
        run_id="run",
        token="run.1.1",
        command=Command(executor="powershell", text=text, connection_id="w", timeout_s=20.0),
        manifest=Manifest(proof=proof),
        connection=Connection(
            id="w", tenant="t", name="win1", executor="powershell",
            address=f"winrm://127.0.0.1:{windows.port}", credential="key", options=options,
        ),
        login=Login(
            name="key", kind=CredentialKind.PASSWORD, version=1,
            values={"username": windows.user, "password": windows.password},
        ),
    )  # fmt: skip


async def test_a_read_and_an_effect_and_what_became_of_it(
    windows: WinRm, executor: PowerShellExecutor, tmp_path: Path
) -> None:
    read = await executor.run(order(windows, "echo hello; exit 2", tmp_path / "s", Proof.READ))
    assert (read.exit_code, read.stdout, read.backend) == (2, "hello\n", "winrm")
    asked = order(windows, f"echo x >> {tmp_path}/once", tmp_path / "s")
    assert (await executor.run(asked)).exit_code == 0
    with pytest.raises(TokenTaken):
        await executor.run(asked)
    assert (await executor.trace(asked)).traced is Traced.FINISHED
    assert (tmp_path / "once").read_text() == "x\n"
    assert set(windows.endpoints) == {"Microsoft.PowerShell"}


async def test_a_connection_that_breaks_is_asked_again_or_is_unknown(
    windows: WinRm, executor: PowerShellExecutor, tmp_path: Path
) -> None:
    def carried_out_unheard(asked: list[Asked]) -> list[Any]:
        answer_to(asked[0].text)
        raise Breaks

    windows.play = carried_out_unheard
    asked = order(windows, f"echo x >> {tmp_path}/once", tmp_path / "s")
    outcome = await executor.run(asked)
    assert (outcome.known, outcome.exit_code) == (False, None)
    windows.down, windows.play = False, by_script
    assert (await executor.trace(asked)).traced is Traced.FINISHED
    assert (tmp_path / "once").read_text() == "x\n"


async def test_a_wrong_password_and_a_strange_certificate_start_nothing(
    windows: WinRm, executor: PowerShellExecutor, tmp_path: Path
) -> None:
    asked = order(windows, "true", tmp_path / "s")
    windows.password = "another"
    with pytest.raises(ExecutionError, match="does not let this account in") as caught:
        await executor.run(asked)
    assert "t0p-s3cret" not in caught.value.message
    options = {name: one for name, one in asked.connection.options.items() if name != "certificate"}
    with pytest.raises(ExecutionError, match="not trusted"):
        await executor.run(replace(asked, connection=replace(asked.connection, options=options)))
    assert windows.asked == []


async def test_a_jea_endpoint_gets_commands_by_name(
    windows: WinRm, executor: PowerShellExecutor, tmp_path: Path
) -> None:
    windows.play = lambda _asked: ["Running", 5]
    asked = order(
        windows, "Get-Service -Name 'a b',c -Verbose | Select-Object Name -First 2", tmp_path / "s", Proof.READ,
        jea="true", configuration_name="OpsAgent",
    )  # fmt: skip
    outcome = await executor.run(asked)
    assert (outcome.exit_code, outcome.stdout) == (0, "Running\n5")
    first, second = windows.asked[0]
    assert (first.text, first.is_script) == ("Get-Service", False)
    assert first.parameters == (("Name", ["a b", "c"]), ("Verbose", None))
    assert (second.text, second.parameters) == ("Select-Object", ((None, "Name"), ("First", "2")))
    assert windows.endpoints == ["OpsAgent"]


@pytest.mark.parametrize("text", ["Get-Service; Get-Date", "& x", "Get-Service | ? { $_.Name }", "$x"])
async def test_a_jea_endpoint_gets_nothing_that_needs_a_script(
    windows: WinRm, executor: PowerShellExecutor, tmp_path: Path, text: str
) -> None:
    asked = order(windows, text, tmp_path / "s", jea="true", configuration_name="OpsAgent")
    with pytest.raises(ExecutionError, match="not started"):
        await executor.run(asked)
    assert windows.asked == []


async def test_a_jea_effect_whose_connection_breaks_is_unknown(
    windows: WinRm, executor: PowerShellExecutor, tmp_path: Path
) -> None:
    def breaks(_asked: list[Asked]) -> list[Any]:
        raise Breaks

    windows.play = breaks
    asked = order(windows, "Restart-Service Spooler", tmp_path / "s", jea="true", configuration_name="OpsAgent")
    outcome = await executor.run(asked)
    assert not outcome.known
    assert "no start token" in outcome.note
    assert (await executor.trace(asked)).traced is Traced.UNKNOWN


async def test_a_host_that_never_answers_is_given_up_and_told_to_stop(
    windows: WinRm, executor: PowerShellExecutor, tmp_path: Path
) -> None:
    def waits(_asked: list[Asked]) -> list[Any]:
        raise StillRuns

    windows.play = waits
    asked = order(windows, "Get-Service", tmp_path / "s", Proof.READ, jea="true", configuration_name="OpsAgent")
    outcome = await executor.run(replace(asked, command=replace(asked.command, timeout_s=0.3)))
    assert (outcome.exit_code, outcome.stderr) == (None, "the host did not answer in time")
    assert (len(windows.asked), windows.stopped) == (1, 1)


LIVE = os.environ.get("OPSAGENT_LIVE_WINRM", "")


@pytest.mark.skipif(not LIVE, reason="OPSAGENT_LIVE_WINRM=winrm://HOST:5986 names no Windows host")
async def test_on_a_real_windows_host() -> None:
    """Needs OPSAGENT_LIVE_WINRM, OPSAGENT_LIVE_WINRM_USER, OPSAGENT_LIVE_WINRM_PASSWORD, perhaps ..._CERTIFICATE."""
    executor = made_executor()
    values = {name: os.environ[f"OPSAGENT_LIVE_WINRM_{name.upper()}"] for name in ("user", "password")}
    options = {"certificate": os.environ.get("OPSAGENT_LIVE_WINRM_CERTIFICATE", "")}
    asked = Order(
        tenant="t", run_id="run", token=f"live.{os.getpid()}.{SystemIds().uuid()}",
        command=Command(executor="powershell", text="Write-Output 'hello'", connection_id="w", timeout_s=60.0),
        manifest=Manifest(proof=Proof.EFFECT),
        connection=Connection(
            id="w", tenant="t", name="live", executor="powershell", address=LIVE, credential="key",
            options={name: one for name, one in options.items() if one},
        ),
        login=Login(
            name="key", kind=CredentialKind.PASSWORD, version=1,
            values={"username": values["user"], "password": values["password"]},
        ),
    )  # fmt: skip
    assert (await executor.run(asked)).stdout.strip() == "hello"
    with pytest.raises(TokenTaken):
        await executor.run(asked)
    assert (await executor.trace(asked)).traced is Traced.FINISHED
    failed = replace(asked.command, text="Get-Item C:\\no\\such\\place")
    read = replace(asked, command=failed, manifest=Manifest(proof=Proof.READ), token=f"{asked.token}.2")
    assert (await executor.run(read)).exit_code == 1
