"""The skills that come with OpsAgent load, are short, and call only reads that are proven to be reads."""

from __future__ import annotations

import re

import pytest

from opsagent.adapters.analysers.aws.analyser import AwsAnalyser
from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.analysers.sql.analyser import SqlAnalyser
from opsagent.adapters.policy_files import load_policy
from opsagent.adapters.skills.shelves import SkillShelves
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision
from opsagent.domain.policy import judge
from opsagent.domain.skill import MAX_TEXT_CHARS, Skill

NAMES = ("cost", "database", "debugging", "deployment", "security")
_FENCE = re.compile(r"^```([a-z]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MYSQL = ("SHOW ", "INNODB")


async def skill(name: str) -> Skill:
    return await SkillShelves().get(name)


def commands(found: Skill) -> list[tuple[str, str]]:
    """Each command of the text: the lines of a shell fence, or the whole of another."""
    made = []
    for language, body in _FENCE.findall(found.body):
        made += [(language, line) for line in body.splitlines()] if language == "shell" else [(language, body.strip())]
    return made


def target(language: str, text: str) -> Connection:
    """A registered target of that language on which a read needs nobody."""
    if language == "sql":
        mysql = any(word in text for word in _MYSQL)
        address = "mysql://db1:3306/shop" if mysql else "postgresql://db1:5432/shop"
        return Connection(
            id="db", tenant="acme", name="db", executor="sql", address=address, credential="w", read_credential="r"
        )
    if language == "aws":
        return Connection(id="a", tenant="acme", name="a", executor="aws", address="aws://123456789012/eu-central-1")
    hosts = ("example.com:443",)
    return Connection(id="h", tenant="acme", name="h", executor="ssh", address="ssh://root@h", hosts=hosts)


async def test_there_are_five_and_each_fits_into_a_prompt() -> None:
    shelved = await SkillShelves().all()
    assert [one.name for one in shelved.skills] == list(NAMES)
    assert not shelved.unread
    for one in shelved.skills:
        assert len(one.text) < MAX_TEXT_CHARS / 2
        assert "## Never" in one.body


@pytest.mark.parametrize("name", NAMES)
async def test_every_command_it_shows_needs_no_approval(name: str) -> None:
    policy, tables = load_policy(None, None)
    analysers = {"shell": ShellAnalyser(ShellAnalyserConfig(), tables), "sql": SqlAnalyser(), "aws": AwsAnalyser()}
    shown = commands(await skill(name))
    assert len(shown) > 6
    asked = []
    for language, text in shown:
        where = target(language, text)
        command = Command(executor=where.executor, text=text, connection_id=where.id, reach=Reach.SANDBOX)
        manifest = await analysers[language].analyse(command, where)
        verdict = judge(policy, manifest, command=command, connection=where)
        if verdict.decision is not Decision.ALLOW:
            asked.append((text, verdict.decision, verdict.reason))
    assert not asked
