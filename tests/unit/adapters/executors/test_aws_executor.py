"""The AWS executor against moto's server: once per token, in a session of what was judged, of the right account."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local_shell import BACKENDS, Backend, Bench, eventually, open_folder
from opsagent.adapters.analysers.aws.analyser import AwsAnalyser
from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.aws.executor import AwsExecutor
from opsagent.adapters.executors.aws.session import session_name
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, InputError, SandboxUnavailable, TokenTaken
from opsagent.ports.executor import Order, Traced
from opsagent.ports.secrets import Login
from servers.aws import ACCOUNT, BASE, REGION, ROLE, Cloud, aws, nothing

needs_bwrap = pytest.mark.skipif(BACKENDS == [Backend.RLIMITS], reason="apt-get install bubblewrap")


@pytest.fixture(scope="module")
def served() -> Iterator[Cloud]:
    with aws() as made:
        yield made


@pytest.fixture
def cloud(served: Cloud) -> Iterator[Cloud]:
    served.calls.clear()
    yield served
    served.fails = nothing


@pytest.fixture(scope="module")
def analyser() -> AwsAnalyser:
    return AwsAnalyser()


class Account:
    """A bench whose orders are AWS commands, judged by the real analyser."""

    def __init__(self, bench: Bench, cloud: Cloud, analyser: AwsAnalyser) -> None:
        self.bench, self.cloud, self.analyser = bench, cloud, analyser

    def connection(self, *, address: str = f"aws://{ACCOUNT}/{REGION}", **options: str) -> Connection:
        given = {"endpoint": self.cloud.endpoint, "role_arn": ROLE} | options
        return Connection(
            id="a",
            tenant="acme",
            name="prod-aws",
            executor="aws",
            address=address,
            options={name: value for name, value in given.items() if value},
            credential="base",
        )

    def server(self, **changes: object) -> AwsExecutor:
        return AwsExecutor(
            self.bench.config(**changes),
            clock=SystemClock(),
            redactor=lambda text: text,
            artifacts=self.bench.artifacts,
        )

    async def order(self, text: str, connection: Connection | None = None) -> Order:
        order = self.bench.order(text)
        found = replace(order.command, executor="aws", network=True)
        target = connection or self.connection()
        manifest = await self.analyser.analyse(found, target)
        return replace(
            order,
            command=replace(found, actions=manifest.actions),
            manifest=manifest,
            connection=target,
            login=Login(name="base", kind=CredentialKind.AWS, version=1, values=BASE),
        )


@pytest.fixture
def account(cloud: Cloud, analyser: AwsAnalyser) -> Iterator[Account]:
    with open_folder() as folder:
        yield Account(Bench(folder, None), cloud, analyser)


@needs_bwrap
async def test_a_read_answers_in_a_session_of_that_read_only(account: Account) -> None:
    instance = account.cloud.instance()
    order = await account.order("aws ec2 describe-instances --query 'Reservations[].Instances[].InstanceId'")
    outcome = await account.server().run(order)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert instance in json.loads(outcome.stdout)
    assert (outcome.changed, outcome.backend) == (False, BACKENDS[0])
    (assumed,) = account.cloud.of("AssumeRole")
    assert assumed.form["RoleArn"] == ROLE
    assert assumed.form["RoleSessionName"] == order.run_id
    assert assumed.form["DurationSeconds"] == "900"
    assert json.loads(assumed.form["Policy"]) == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": "*"}],
    }
    (asked,) = account.cloud.of("DescribeInstances")
    assert BASE["access_key_id"] not in asked.headers["Authorization"]
    assert asked.headers["X-Amz-Security-Token"] in assumed.answer.decode()
    assert f"/{REGION}/ec2/" in asked.headers["Authorization"]


@needs_bwrap
async def test_an_effect_runs_once_per_token(account: Account) -> None:
    instance = account.cloud.instance()
    server, order = account.server(), await account.order(f"aws ec2 stop-instances --instance-ids {instance}")
    assert order.manifest.proof is Proof.EFFECT
    outcome = await server.run(order)
    assert outcome.exit_code == 0
    assert account.cloud.state(instance) == "stopped"
    with pytest.raises(TokenTaken):
        await server.run(order)
    with pytest.raises(TokenTaken):
        await account.server().run(order)
    assert len(account.cloud.of("StopInstances")) == 1
    trace = await account.server().trace(order)
    assert (trace.traced, trace.outcome) == (Traced.FINISHED, outcome)


@needs_bwrap
async def test_what_was_traced_first_never_starts(account: Account) -> None:
    order = await account.order(f"aws ec2 stop-instances --instance-ids {account.cloud.instance()}")
    assert (await account.server().trace(order)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await account.server().run(order)
    assert not account.cloud.of("StopInstances")


@needs_bwrap
async def test_an_effect_is_sent_once_whatever_is_answered_and_a_read_again(account: Account) -> None:
    instance = account.cloud.instance()
    account.cloud.fails = lambda action: action in ("StopInstances", "DescribeVpcs")
    outcome = await account.server().run(await account.order(f"aws ec2 stop-instances --instance-ids {instance}"))
    assert outcome.exit_code != 0
    assert len(account.cloud.of("StopInstances")) == 1
    outcome = await account.server().run(await account.order("aws ec2 describe-vpcs"))
    assert outcome.exit_code != 0
    assert len(account.cloud.of("DescribeVpcs")) == 3


@needs_bwrap
async def test_no_credential_is_seen_anywhere(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in arguments, not in the outcome, not on disk; and nothing of the server's environment gets in."""
    monkeypatch.setenv("AWS_PROFILE", "of-the-server")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    slow = asyncio.Event()
    account.cloud.fails = lambda action: action == "DescribeInstanceStatus" and not slow.is_set()
    order = await account.order("aws ec2 describe-instance-status")
    task = asyncio.create_task(account.server().run(order))
    await eventually(lambda: account.cloud.of("DescribeInstanceStatus"))
    seen = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    slow.set()
    outcome = await task
    assert "describe-instance-status" in seen
    (assumed,) = account.cloud.of("AssumeRole")
    text = assumed.answer.decode()
    given = [text.partition(f"<{name}>")[2].partition("<")[0] for name in ("SecretAccessKey", "SessionToken")]
    for secret in (*given, BASE["secret_access_key"]):
        assert len(secret) > 20
        assert secret not in seen + outcome.stdout + outcome.stderr + str(order)
        for path in account.bench.folder.rglob("*"):
            assert not path.is_file() or path.is_symlink() or secret.encode() not in path.read_bytes()


@needs_bwrap
async def test_the_session_is_redacted_from_what_a_command_prints(account: Account) -> None:
    server = account.server()
    order = await account.order("aws sts get-caller-identity")
    from opsagent.adapters.executors.aws import executor

    session = await asyncio.to_thread(executor._session, order)
    key = session.values["secret_access_key"]
    echo = await account.order(f"aws sts get-caller-identity --query '`\"{key}\"`'")
    outcome = await super(AwsExecutor, server).run(replace(echo, login=session))
    assert "[redacted]" in outcome.stdout
    assert key not in outcome.stdout


@needs_bwrap
async def test_a_file_of_the_run_is_sent_and_nothing_else_is_seen(account: Account) -> None:
    server = account.server()
    account.cloud.client("s3").create_bucket(Bucket="box", CreateBucketConfiguration={"LocationConstraint": REGION})
    folder = server._folders.make(account.bench.run_id)
    (folder / "note.txt").write_text("a note")
    (folder / "note.txt").chmod(0o644)
    assert (await server.run(await account.order("aws s3 cp note.txt s3://box/note"))).exit_code == 0
    assert (await server.run(await account.order("aws s3 cp s3://box/note -"))).stdout == "a note"
    (folder / "link").symlink_to("/proc/self/environ")
    with pytest.raises(ExecutionError, match="leads out"):
        await server.run(await account.order("aws s3 cp link s3://box/link"))
    with pytest.raises(ExecutionError, match="leads out"):
        await server.run(await account.order("aws s3 sync . s3://box/all"))


@needs_bwrap
async def test_files_of_the_run_steer_nothing(account: Account) -> None:
    """An alias would run a shell, a module would run in the session: both could be left by an earlier step."""
    server = account.server()
    folder = server._folders.make(account.bench.run_id)
    for name in (".aws/cli/alias", "awscli/__init__.py", "awscli/__main__.py", "json.py", "sitecustomize.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("[toplevel]\nsts = !echo stolen\n" if "alias" in name else "print('stolen')\n")
    outcome = await server.run(await account.order("aws sts get-caller-identity --query Account --output text"))
    assert (outcome.stdout, outcome.stderr) == (f"{ACCOUNT}\n", "")


async def test_a_session_of_another_account_is_refused(account: Account) -> None:
    other = account.connection(address=f"aws://210987654321/{REGION}")
    with pytest.raises(InputError, match="the address names 210987654321"):
        account.server().check(other)
    with pytest.raises(ExecutionError, match="not started"):
        await account.server().run(await account.order("aws s3 ls", other))
    direct = account.connection(address=f"aws://210987654321/{REGION}", role_arn="", session="direct")
    account.server().check(direct)
    with pytest.raises(ExecutionError, match=f"of the account {ACCOUNT}"):
        await account.server().run(await account.order("aws s3 ls", direct))
    tested = await account.server().test(direct, (await account.order("aws s3 ls")).login)
    assert not tested.ok


async def test_a_role_that_cannot_be_assumed_starts_nothing(account: Account) -> None:
    account.cloud.fails = lambda action: action == "AssumeRole"
    order = await account.order("aws s3 ls")
    with pytest.raises(ExecutionError, match="cannot be assumed") as raised:
        await account.server().run(order)
    assert BASE["secret_access_key"] not in str(raised.value)
    account.cloud.fails = nothing
    assert not account.bench.token(order).exists()


@pytest.mark.parametrize("text", ["aws s3 ls; id", "id", "aws help", "aws configure list", "aws"])
async def test_what_has_no_action_is_not_started(account: Account, text: str) -> None:
    with pytest.raises(ExecutionError, match="not started"):
        await account.server().run(await account.order(text))
    assert not account.cloud.calls


async def test_without_bubblewrap_nothing_gets_a_credential(account: Account) -> None:
    with pytest.raises(SandboxUnavailable):
        await account.server(force=Backend.RLIMITS).run(await account.order("aws s3 ls"))


@pytest.mark.parametrize(
    ("address", "options", "says"),
    [
        ("aws://12345/eu-central-1", {}, "not the address"),
        ("https://aws", {}, "not the address"),
        ("", {"role_arn": ""}, "either role_arn or session"),
        ("", {"session": "direct"}, "either role_arn or session"),
        ("", {"role_arn": "admin"}, "not the ARN"),
        ("", {"endpoint": "http://evil.example"}, "not encrypted"),
        ("", {"endpoint": "ftp://evil.example"}, "no address"),
        ("", {"rol_arn": "x"}, "Unknown option"),
        ("", {"session": "none"}, "only be"),
    ],
)
async def test_registrations_that_cannot_work_are_refused(account: Account, address, options, says) -> None:
    given = {"address": address} if address else {}
    with pytest.raises(InputError, match=says):
        account.server().check(account.connection(**given, **options))
    account.server().check(account.connection())


@needs_bwrap
async def test_a_connection_is_tested_with_the_session_of_a_step(account: Account) -> None:
    login = (await account.order("aws s3 ls")).login
    tested = await account.server().test(account.connection(), login)
    assert tested.ok, tested
    assert tested.facts["account"] == ACCOUNT
    assert "assumed-role/opsagent" in tested.facts["arn"]
    (assumed,) = account.cloud.of("AssumeRole")
    assert json.loads(assumed.form["Policy"])["Statement"][0]["Action"] == ["sts:GetCallerIdentity"]
    assert not (await account.server().test(account.connection(), None)).ok


@needs_bwrap
async def test_a_read_has_its_own_role(account: Account) -> None:
    connection = account.connection(read_role_arn=f"{ROLE}-reads", external_id="outside-7")
    await account.server().run(await account.order("aws ec2 describe-vpcs", connection))
    (assumed,) = account.cloud.of("AssumeRole")
    assert (assumed.form["RoleArn"], assumed.form["ExternalId"]) == (f"{ROLE}-reads", "outside-7")


def test_the_session_is_named_after_the_run() -> None:
    run = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert session_name(run) == run
    assert session_name("a run/é") == "a-run--"
    assert session_name("x") == "run-x"
    assert len(session_name("y" * 100)) == 64
