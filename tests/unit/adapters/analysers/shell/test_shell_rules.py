"""A rule about a folder holds however the path into it is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision
from opsagent.domain.policy import judge

RULE = """
rules:
  - id: payroll
    decide: DENY
    because: nobody looks there
    when: {path: [/srv/payroll]}
"""
HOST = Connection(id="c1", tenant="t", name="web", reach=Reach.HOST)
Ruled = Callable[[Sequence[str]], Awaitable[list[tuple[Decision, str]]]]


@pytest.fixture
def ruled(tmp_path: Path) -> Ruled:
    (tmp_path / "policy.yaml").write_text(RULE, encoding="utf-8")
    policy, tables = load_policy(user_file=tmp_path / "policy.yaml")
    analyser = ShellAnalyser(ShellAnalyserConfig(), tables)

    async def ask(texts: Sequence[str]) -> list[tuple[Decision, str]]:
        found = []
        for text, manifest in zip(texts, await analyser.analyse_all(texts, HOST), strict=True):
            command = Command(executor="shell", text=text, connection_id="c1", reach=Reach.HOST)
            verdict = judge(policy, manifest, command=command, connection=HOST, backend="bwrap")
            found.append((verdict.decision, verdict.rule))
        return found

    return ask


async def test_every_way_in_is_denied(ruled: Ruled) -> None:
    texts = [
        "cat /srv/payroll/x.csv",
        "cat //srv/payroll/x.csv",
        "cat ///srv//payroll/x.csv",
        "cat /srv/./payroll/x.csv",
        "cat /srv/foo/../payroll/x.csv",
        "cat /srv/payrol?/x.csv",
        "cat /srv/pay*/x.csv",
        "cat /srv/*/x.csv",
        "cat /srv/{payroll,b}/x.csv",
        "cd /srv; cat payroll/x.csv",
        "cd /srv; cat pay*/x.csv",
        "cd /; cat srv/payroll/x.csv",
        "cd /srv/payroll && cat x.csv",
        "cat ~/../srv/payroll/x",
        "X=/srv; cat $X/payroll/x.csv",
        "grep -r x /srv",
        "grep -r x /",
        "find /srv -type f -exec cat {} +",
        "for f in /srv/*; do cat $f/x.csv; done",
        "diff -r /srv /tmp",
        "wc -c < /srv/payroll/x.csv",
        "ls /srv/payrol*",
        "bash -c 'cat /srv/payroll/x'",
        "rm -rf /srv",
        "echo x > /srv/payroll/y",
        "chmod -R 600 /srv",
    ]
    answers = dict(zip(texts, await ruled(texts), strict=True))
    above = {"rm -rf /srv", "chmod -R 600 /srv"}  # of a system folder: never allowed, whatever the rules say
    assert {text: answer for text, answer in answers.items() if answer[0] is not Decision.DENY} == {}
    assert {text for text, answer in answers.items() if answer[1] != "payroll"} == above


async def test_what_lies_elsewhere_is_not(ruled: Ruled) -> None:
    texts = [
        "cat /srv/payrolls/x.csv",
        "cat /srv/pay/x",
        "grep -r x /srv/shop",
        "ls /srv",
        "cat /var/srv/payroll/x",
        "cat x.csv",
    ]
    assert {answer[0] for answer in await ruled(texts)} == {Decision.ALLOW}
