"""PowerShell over a real OpenSSH, with a STAND-IN for PowerShell on the host (servers/pwsh_stand_in.py): the command
line, the script on standard input, the frame of the answer and the start token are ours; no PowerShell is run."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from local_shell import eventually
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.executors.powershell.config import PowerShellConfig
from opsagent.adapters.executors.powershell.executor import PowerShellExecutor
from opsagent.adapters.executors.powershell.over_ssh import SshLink
from opsagent.adapters.executors.powershell.over_winrm import WinRmLink
from opsagent.adapters.executors.powershell.script import answer_in
from opsagent.adapters.executors.ssh.config import SshConfig
from opsagent.adapters.executors.ssh.sessions import Sessions
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import ExecutionError, InputError, TokenTaken, UnavailableError
from opsagent.ports.executor import Order, Traced
from opsagent.ports.secrets import Login
from servers import pwsh_stand_in
from servers.openssh import Host, openssh

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("bin")
    for name in ("pwsh", "powershell"):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {pwsh_stand_in.__file__} "$@"\n')
        (folder / name).chmod(0o755)
    with openssh(lines=f"SetEnv PATH={folder}:/usr/bin:/bin\n") as made:
        yield made


@pytest_asyncio.fixture
async def executor() -> AsyncIterator[PowerShellExecutor]:
    sessions = Sessions(SshConfig(connect_timeout_s=5.0))
    config = PowerShellConfig()
    yield PowerShellExecutor(
        config,
        ssh=SshLink(sessions),
        winrm=WinRmLink(config),
        clock=SystemClock(),
        ids=SystemIds(),
        redactor=lambda text: text,
    )
    await sessions.close()


def connection(host: Host, **options: str) -> Connection:
    options = {"host_key": host.host_key, "state_dir": str(host.state), **options}
    return Connection(
        id="w", tenant="t", name="win1", executor="powershell", address=host.address, credential="key", options=options
    )


def order(host: Host, text: str, proof: Proof = Proof.EFFECT, timeout_s: float = 20.0, **options: str) -> Order:
    return Order(
        tenant="t",
        run_id="run",
        token=f"run.{os.getpid()}.{next(_numbers)}",
        command=Command(executor="powershell", text=text, connection_id="w", timeout_s=timeout_s),
        manifest=Manifest(proof=proof),
        connection=connection(host, **options),
        login=Login(name="key", kind=CredentialKind.SSH_KEY, version=1, values={"private_key": host.private_key}),
    )


@pytest.mark.parametrize("program", ["powershell", "pwsh"])
async def test_a_read_says_what_the_host_says(host: Host, executor: PowerShellExecutor, program: str) -> None:
    asked = order(host, "echo 'dépôt'; echo bad >&2; exit 3", Proof.READ, program=program)
    outcome = await executor.run(asked)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (3, "dépôt\n", "bad\n")
    assert (outcome.changed, outcome.backend) == (False, "ssh")
    assert not (host.state / f"{asked.token}.token").exists()


async def test_an_effect_happens_once_and_can_be_asked_again(host: Host, executor: PowerShellExecutor) -> None:
    mark = host.folder / "once"
    asked = order(host, f"echo x >> {mark}; echo done")
    assert (await executor.run(asked)).stdout == "done\n"
    with pytest.raises(TokenTaken):
        await executor.run(asked)
    trace = await executor.trace(asked)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert trace.outcome.stdout == "done\n"
    assert mark.read_text() == "x\n"


async def test_what_was_traced_first_never_starts(host: Host, executor: PowerShellExecutor) -> None:
    asked = order(host, f"touch {host.folder}/never")
    assert (await executor.trace(asked)).traced is Traced.NEVER_STARTED
    assert (await executor.trace(asked)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await executor.run(asked)
    assert not (host.folder / "never").exists()


async def test_a_connection_that_breaks_after_the_effect_is_asked_again(
    host: Host, executor: PowerShellExecutor
) -> None:
    gate, mark = host.folder / "gate", host.folder / "after"
    asked = order(host, f"touch {gate}; while [ -e {gate} ]; do :; done; echo kept; touch {mark}")
    running = asyncio.create_task(executor.run(asked))
    await eventually(gate.exists)
    host.drop_connections()
    gate.unlink()
    outcome = await running
    assert mark.exists()
    assert (outcome.exit_code, outcome.stdout, outcome.known) == (0, "kept\n", True)


async def test_cancelling_ends_what_the_token_names(host: Host, executor: PowerShellExecutor) -> None:
    gate, mark = host.folder / "cancel-gate", host.folder / "cancelled"
    asked = order(host, f"touch {gate}; while [ -e {gate} ]; do sleep 0.02; done; touch {mark}")
    running = asyncio.create_task(executor.run(asked))
    await eventually(gate.exists)
    worker = int((host.state / f"{asked.token}.token").read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: not Path(f"/proc/{worker}").exists())
    gate.unlink()  # what the stand-in started survives it; on Windows taskkill ends the tree
    assert (await executor.trace(asked)).traced is Traced.UNKNOWN


async def test_a_command_that_is_late_says_so(host: Host, executor: PowerShellExecutor) -> None:
    outcome = await executor.run(order(host, "sleep 30", Proof.READ, timeout_s=0.5))
    assert (outcome.timed_out, outcome.exit_code) == (True, None)


async def test_secrets_do_not_come_back(host: Host, executor: PowerShellExecutor) -> None:
    asked = order(host, "echo key-s3cret", Proof.READ)
    assert asked.login is not None
    values = {**asked.login.values, "passphrase": "key-s3cret"}
    hidden = replace(asked, login=replace(asked.login, values=values))
    link_only = replace(hidden, login=replace(hidden.login, values={**values, "passphrase": ""}))  # type: ignore[type-var]
    assert (await executor.run(link_only)).stdout == "key-s3cret\n"
    assert executor._clean(hidden, "key-s3cret") == "[redacted]"


async def test_no_host_nothing_started(host: Host, executor: PowerShellExecutor) -> None:
    asked = order(host, "true")
    gone = replace(asked, connection=replace(asked.connection, address="ssh://x@127.0.0.1:1"))
    with pytest.raises(ExecutionError, match="not started"):
        await executor.run(gone)
    with pytest.raises(UnavailableError):
        await executor.trace(gone)


async def test_standard_input_is_refused(host: Host, executor: PowerShellExecutor) -> None:
    with pytest.raises(ExecutionError, match="no standard input"):
        await executor.run(replace(order(host, "true"), stdin=b"x"))


async def test_a_test_of_the_target(host: Host, executor: PowerShellExecutor) -> None:
    tested = await executor.test(connection(host), order(host, "").login)
    assert (tested.ok, tested.facts) == (True, {"version": "5.1.0"})


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("http://x", {}),
        ("ssh://u@h", {}),
        ("ssh://u@h", {"host_key": "nonsense"}),
        ("winrm://u:p@h", {}),
        ("winrm://h:5985", {}),
        ("winrm://h", {"auth": "credssp"}),
        ("winrm://h", {"certificate": "x"}),
        ("winrm://h", {"jea": "true"}),
        ("winrm://h", {"jea": "maybe", "configuration_name": "x"}),
        ("winrm://h", {"configuration_name": "a b;"}),
        ("winrm://h", {"state_dir": "C:\\..\\x"}),
        ("winrm://h", {"program": "pwsh"}),
    ],
)
def test_a_registration_that_cannot_work(executor: PowerShellExecutor, address: str, options: dict[str, str]) -> None:
    wrong = Connection(
        id="w", tenant="t", name="w", executor="powershell", address=address, credential="x", options=options
    )
    with pytest.raises(InputError) as caught:
        executor.check(wrong)
    assert caught.value.fix


def test_a_registration_that_works(host: Host, executor: PowerShellExecutor) -> None:
    executor.check(connection(host, program="pwsh"))
    given = {"configuration_name": "OpsAgent", "jea": "true", "auth": "kerberos"}
    address = "winrm://win1.lan:5986"
    executor.check(Connection(id="w", tenant="t", name="w", address=address, credential="x", options=given))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opsagent n",
        "opsagent n e30= end",
        "opsagent n !!! end",
        "opsagent n W10= end",
        "opsagent m e30= end",
        "opsagent n eyJz end",
    ],
)
def test_half_an_answer_is_none(text: str) -> None:
    assert answer_in(text, "n") is None


def test_the_wrapper_has_no_error_in_the_grammar() -> None:
    from importlib import resources

    from tree_sitter import Language, Parser
    from tree_sitter_powershell import language

    import opsagent.adapters.executors.powershell as package

    text = Path(str(resources.files(package) / "wrapper.ps1")).read_bytes()
    assert text.isascii()
    assert not Parser(Language(language())).parse(text).root_node.has_error
