"""Pull the plug while effects of an API are under way: the API counts, and no request is carried out twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

import victim
from house import PERSON, TENANT
from local_shell import eventually
from opsagent.bootstrap import build
from opsagent.domain.connection import Connection
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.trigger import Trigger
from servers.api import Api, api
from victim import OPEN_ENDED, Plug

EFFECTS = ("a", "b", "c")
STEPS = "\n".join(
    f"```http name=look-{name}\nGET /orders/7\n```\n\n"
    f'```http name={name}\nPOST /{{{{run}}}}/{name}\nContent-Type: application/json\n\n{{"n": 1}}\n```\n'
    for name in EFFECTS
)
RUNBOOK = f"---\nid: post\ntitle: Post three times\nparameters: {{run: '^[0-9]+$'}}\n---\n## Fix\n\n{STEPS}"
KILLS = [
    *(Plug(f"runs.claim_effect.{place}", nth=2) for place in ("before_commit", "after_commit")),
    *(Plug("runs.save.before_commit", nth=nth) for nth in (5, 9)),
    *(Plug(launcher={place: "kill"}) for place in ("before-token", "after-fork", "after-spawn", "before-outcome")),
]


async def prepare(folder: Path, runbook: str = RUNBOOK) -> None:
    async with build(victim.settings_of(folder), serving=False) as app:
        await app.agent.add_runbook(PERSON, runbook, "post.md")


async def submit(folder: Path, made: Api, number: int) -> None:
    """A run with an API of its own: a step nobody knows the end of holds its target."""
    name, options = f"api{number}", {"allow_private": "true"}
    connection = Connection(id="", tenant=TENANT, name=name, executor="http", address=made.url, options=options)
    async with build(victim.settings_of(folder), serving=False) as app:
        await app.stores.connections.put(connection, PERSON.id)
        await app.agent.submit(
            Trigger(
                tenant=TENANT,
                source=Source.API,
                text="post",
                requested_by=PERSON.id,
                runbook_id="post",
                connection=name,
                parameters={"run": str(number)},
            )
        )


async def read(folder: Path) -> list[tuple[Run, Sequence[Step]]]:
    async with build(victim.settings_of(folder), serving=False) as app:
        page = await app.stores.runs.list(TENANT, limit=200)
        return [(run, await app.stores.journal.steps(TENANT, run.id)) for run in page.items]


def finish(process: object) -> int:
    process.join(300)
    assert process.exitcode is not None, "the victim hangs"
    return process.exitcode


def check(apis: Sequence[Api], found: list[tuple[Run, Sequence[Step]]]) -> None:
    """What the APIs carried out is what the record says, and nothing more."""
    for run, steps in found:
        assert run.ended or run.status is RunStatus.AWAITING_APPROVAL
        assert not [step for step in steps if step.status is StepStatus.CLAIMED], "an outcome is missing"
        for name in EFFECTS:
            number = run.request.parameters["run"]
            count = apis[int(number)].effects.count(f"POST /v1/{number}/{name}")
            mine = [step.status for step in steps if step.name == name]
            done, unknown = mine.count(StepStatus.SUCCEEDED), sum(status in OPEN_ENDED for status in mine)
            assert count <= 1, f"{name} was carried out {count} times"
            assert done <= count <= done + unknown, f"{name}: {mine}, and the API counts {count}"


def test_no_kill_makes_a_request_act_twice_or_vanish(tmp_path: Path) -> None:
    with ExitStack() as stack:
        asyncio.run(prepare(tmp_path))
        apis = [stack.enter_context(api()) for _ in KILLS]
        killed = 0
        for number, plug in enumerate(KILLS):
            asyncio.run(submit(tmp_path, apis[number], number))
            killed += finish(victim.start(tmp_path, plug)) == -signal.SIGKILL
            assert finish(victim.start(tmp_path, Plug())) == 0
        found = asyncio.run(read(tmp_path))
        check(apis, found)
    assert killed == len([plug for plug in KILLS if plug.name])
    assert len(found) == len(KILLS)
    assert sum(run.status is RunStatus.COMPLETED for run, _ in found) >= killed


@pytest.mark.parametrize("action", ["kill", "stop"])
def test_the_worker_ends_or_freezes_while_the_api_works(tmp_path: Path, action: str) -> None:
    """The sender outlives its worker: the next one finds the answer, and a thawed one adds nothing."""
    with api() as made:
        asyncio.run(prepare(tmp_path, RUNBOOK.replace("/{{run}}/a", "/{{run}}/held")))
        asyncio.run(submit(tmp_path, made, 1))
        first = victim.start(tmp_path, Plug(serving=False))
        assert first.pid is not None
        asyncio.run(eventually(lambda: "POST /v1/1/held" in made.effects))
        os.kill(first.pid, signal.SIGKILL if action == "kill" else signal.SIGSTOP)
        if action == "kill":
            first.join(10)
        made.go.set()
        assert finish(victim.start(tmp_path, Plug(serving=False))) == 0
        if action == "stop":
            os.kill(first.pid, signal.SIGCONT)
            finish(first)
        found = asyncio.run(read(tmp_path))
    assert [run.status for run, _ in found] == [RunStatus.COMPLETED]
    assert made.effects == ["POST /v1/1/held", "POST /v1/1/b", "POST /v1/1/c"]
