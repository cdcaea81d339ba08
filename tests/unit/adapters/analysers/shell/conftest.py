"""One analyser with the shipped policy, and a way to ask it for verdicts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Verdict
from opsagent.domain.policy import judge

POLICY, TABLES = load_policy()
HOST = Connection(
    id="c1", tenant="t", name="web", reach=Reach.HOST, hosts=("127.0.0.1", "localhost", "web01.example.net")
)
Judging = Callable[..., Awaitable[list[Verdict]]]


@pytest.fixture
def analyser() -> ShellAnalyser:
    return ShellAnalyser(ShellAnalyserConfig(protected=("/srv/opsagent",)), TABLES)


@pytest.fixture
def verdicts(analyser: ShellAnalyser) -> Judging:
    async def ask(texts: Sequence[str], connection: Connection = HOST, backend: str = "bwrap") -> list[Verdict]:
        manifests = await analyser.analyse_all(texts, connection)
        return [
            judge(
                POLICY,
                manifest,
                command=Command(executor="shell", text=text, connection_id="c1", reach=connection.reach),
                connection=connection,
                backend=backend,
            )
            for text, manifest in zip(texts, manifests, strict=True)
        ]

    return ask
