"""What every analyser promises: it never raises, keeps the order, and says the same alone as together."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsagent.adapters.analysers.aws.analyser import AwsAnalyser
from opsagent.adapters.analysers.http.analyser import HttpAnalyser
from opsagent.adapters.analysers.powershell.analyser import PowerShellAnalyser
from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof

CONNECTIONS = {
    "shell": Connection(id="c", tenant="t", name="c"),
    "powershell": Connection(id="c", tenant="t", name="c", executor="powershell"),
    "aws": Connection(id="c", tenant="t", name="c", executor="aws", address="aws://123456789012/eu-central-1"),
    "http": Connection(id="c", tenant="t", name="c", executor="http", address="https://api.example.com/v1"),
}
_, TABLES = load_policy()
READS = {
    "shell": ["df -h", "uptime", "ps aux | head"],
    "powershell": ["Get-Service", "ipconfig /all", "gps | sort CPU"],
    "aws": ["aws ec2 describe-instances", "aws s3 ls", "aws sts get-caller-identity"],
    "http": ["GET /a", "HEAD /", "GET /a?b=c\nAccept: text/plain"],
}
EFFECTS = {
    "shell": ["rm x", "systemctl restart nginx", "touch a"],
    "powershell": ["rm x", "Restart-Service Spooler", "New-Item a"],
    "aws": ["aws ec2 stop-instances --instance-ids i-1", "aws s3 rm s3://a/b", "aws s3 mb s3://a"],
    "http": ["POST /a", "DELETE /a", "GET https://other.example/"],
}
NONSENSE = [
    "",
    " ",
    "\n",
    "'",
    '"',
    "\0",
    "\ud800",
    ")",
    "((",
    "a" * 100_000,
    "(" * 3000,
    "$(" * 500,
    "\ue000",
    "\\",
    "é\u202e",
]


MAKERS = {
    "shell": lambda: ShellAnalyser(ShellAnalyserConfig(), TABLES),
    "powershell": PowerShellAnalyser,
    "http": HttpAnalyser,
    "aws": AwsAnalyser,
}


@pytest.fixture(scope="module", params=list(MAKERS))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def subject(kind):
    return MAKERS[kind]()


@pytest.fixture
def connection(kind):
    return CONNECTIONS[kind]


async def test_reads_are_proven_and_effects_are_not(subject, kind, connection):
    for manifest in await subject.analyse_all(READS[kind], connection):
        assert manifest.proof is Proof.READ
        assert not manifest.reasons
    for manifest in await subject.analyse_all(EFFECTS[kind], connection):
        assert manifest.proof is not Proof.READ
        assert manifest.reasons


async def test_nonsense_is_never_proven_and_never_raises(subject, connection):
    for text, manifest in zip(NONSENSE, await subject.analyse_all(NONSENSE, connection), strict=True):
        assert manifest.proof is Proof.UNKNOWN, text[:20]
        assert manifest.reasons, text[:20]


async def test_the_order_is_kept_and_repeats_are_the_same(subject, kind, connection):
    texts = [*READS[kind], *EFFECTS[kind], *READS[kind]]
    together = await subject.analyse_all(texts, connection)
    alone = [await subject.analyse(Command(executor=kind, text=text, connection_id="c"), connection) for text in texts]
    assert list(together) == alone
    assert list(await subject.analyse_all([], connection)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=60), min_size=1, max_size=40))
async def test_any_text_gets_a_manifest(subject, connection, texts):
    manifests = await subject.analyse_all(texts, connection)
    assert len(manifests) == len(texts)
