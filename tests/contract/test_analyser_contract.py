"""What every analyser promises: it never raises, keeps the order, and says the same alone as together."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof

CONNECTION = Connection(id="c", tenant="t", name="c")
_, TABLES = load_policy()
READS = {"shell": ["df -h", "uptime", "ps aux | head"]}
EFFECTS = {"shell": ["rm x", "systemctl restart nginx", "touch a"]}
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


@pytest.fixture(params=["shell"])
def kind(request):
    return request.param


@pytest.fixture
def subject(kind):
    return {"shell": ShellAnalyser(ShellAnalyserConfig(), TABLES)}[kind]


async def test_reads_are_proven_and_effects_are_not(subject, kind):
    for manifest in await subject.analyse_all(READS[kind], CONNECTION):
        assert manifest.proof is Proof.READ
        assert not manifest.reasons
    for manifest in await subject.analyse_all(EFFECTS[kind], CONNECTION):
        assert manifest.proof is not Proof.READ
        assert manifest.reasons


async def test_nonsense_is_never_proven_and_never_raises(subject):
    for text, manifest in zip(NONSENSE, await subject.analyse_all(NONSENSE, CONNECTION), strict=True):
        assert manifest.proof is Proof.UNKNOWN, text[:20]
        assert manifest.reasons, text[:20]


async def test_the_order_is_kept_and_repeats_are_the_same(subject, kind):
    texts = [*READS[kind], *EFFECTS[kind], *READS[kind]]
    together = await subject.analyse_all(texts, CONNECTION)
    alone = [await subject.analyse(Command(executor=kind, text=text, connection_id="c"), CONNECTION) for text in texts]
    assert list(together) == alone
    assert list(await subject.analyse_all([], CONNECTION)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=60), min_size=1, max_size=40))
async def test_any_text_gets_a_manifest(subject, texts):
    manifests = await subject.analyse_all(texts, CONNECTION)
    assert len(manifests) == len(texts)
