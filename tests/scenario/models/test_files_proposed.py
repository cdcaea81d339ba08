"""A model proposes files: Terraform that is checked, a pull request that is asked about and opened once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from house import ROBOT, TENANT, House
from local_shell import open_folder
from model_house import EVALUATE, MODEL, PLAN, PROPOSE, REVISE, done, evaluated, planned
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.manifest import Decision
from opsagent.domain.run import Run, RunStatus, Verified
from opsagent.domain.step import StepStatus
from scenario_asks import ask
from servers.forge import TOKEN, Forge, forge
from servers.model import ScriptedModel

TERRAFORM = 'locals {\n  size = "it\'s ${1 + 1}"\n}\n'


@pytest.fixture
def infra(tmp_path: Path) -> Iterator[Forge]:
    (tmp_path / "infra.git").mkdir()
    with forge(tmp_path / "infra.git") as made:
        yield made


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder that the sandbox's user may pass, unlike pytest's own."""
    with open_folder() as folder:
        yield folder


async def know(house: House, infra: Forge) -> None:
    credential = Credential(id="", tenant=TENANT, name="forge-key", kind=CredentialKind.TOKEN)
    await house.app.broker.keep(credential, {"token": TOKEN}, ROBOT.id)
    api = Connection(
        id="", tenant=TENANT, name="forge", executor="http", reach=Reach.SANDBOX, address=infra.url,
        options={"allow_private": "true"}, credential="forge-key",
    )  # fmt: skip
    await house.app.stores.connections.put(api, ROBOT.id)


def proposed(path: str = "prod/disk.txt", content: str = "10 {{GB}}\n", **more: object) -> dict[str, Any]:
    files = [{"path": path, "content": content}]
    wanted = {"tool": "git_pr", "repository": "acme/infra", "branch": "bigger-disk", "title": "A bigger disk"}
    return {"name": "propose it", "connection": "forge", "change": wanted | {"files": files} | more}


async def approve_all(house: House, run: Run) -> Run:
    while run.status is RunStatus.AWAITING_APPROVAL:
        run = await house.approve(run)
    return run


@pytest.mark.parametrize(("api", "repository", "sent"), [
    ("github", "acme/infra", ["trees", "commits", "refs", "pulls"]), ("gitlab", "42", ["commits", "merge_requests"]),
])  # fmt: skip
async def test_each_request_is_asked_about_and_sent_once(
    make_thinking, model: ScriptedModel, infra: Forge, api: str, repository: str, sent: list[str]
) -> None:
    house: House = await make_thinking()
    await know(house, infra)
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(proposed(api=api, repository=repository)))
    run = await house.drive(await ask(house, "a bigger disk", connection=""))
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.author == f"model {MODEL}"
    assert "prod/disk.txt" in question.command and "10 " in question.command
    assert not infra.effects
    run = await approve_all(house, run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.NOT_MEASURABLE), await house.timeline(run)
    assert infra.effects == sent
    assert infra.git("show", "bigger-disk:prod/disk.txt") == "10 {{GB}}"
    effects = [one for one in (await house.steps(run)).values() if one.command.text.startswith("POST")]
    assert [one.verdict.decision for one in effects if one.verdict] == [Decision.ASK] * len(sent)
    assert {one.command.author for one in effects} == {f"model {MODEL}"}
    assert "Makes the branch `bigger-disk`" in await house.timeline(run)


async def test_a_lost_answer_is_found_by_the_branch_and_nothing_is_sent_twice(
    make_thinking, model: ScriptedModel, infra: Forge
) -> None:
    house: House = await make_thinking()
    await know(house, infra)
    infra.drop = "refs"
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(proposed()))
    run = await approve_all(house, await house.drive(await ask(house, "a bigger disk", connection="")))
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert infra.effects.count("refs") == 1


async def test_a_refused_request_is_not_sent_and_the_rest_is_not_tried(
    make_thinking, model: ScriptedModel, infra: Forge
) -> None:
    house: House = await make_thinking()
    await know(house, infra)
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(proposed()))
    model.on(REVISE, say={"move": "stop", "reason": "then not"})
    run = await house.approve(await house.drive(await ask(house, "a bigger disk", connection="")), grant=False)
    assert run.ended, await house.timeline(run)
    assert not infra.effects


async def test_a_branch_of_somebody_else_is_left_alone(make_thinking, model: ScriptedModel, infra: Forge) -> None:
    house: House = await make_thinking()
    await know(house, infra)
    infra.git("update-ref", "refs/heads/bigger-disk", infra.tip("main"))
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(proposed()))
    model.on(REVISE, say={"move": "stop", "reason": "it is taken"})
    run = await house.drive(await ask(house, "a bigger disk", connection=""))
    assert run.ended, await house.timeline(run)
    assert not infra.effects


@pytest.mark.parametrize("path", ["../escape.tf", ".git/config", "a b.tf"])
async def test_a_path_outside_the_repository_is_no_answer(make_thinking, model: ScriptedModel, path: str) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(proposed(path)))
    run = await house.drive(await ask(house, "a bigger disk", connection=""))
    assert run.status is RunStatus.FAILED
    assert "cannot be changed" in run.error


async def test_a_forge_outside_the_scope_is_refused(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(proposed() | {"connection": "elsewhere"}))
    model.on(REVISE, say={"move": "stop", "reason": "there is none"})
    run = await house.drive(await ask(house, "a bigger disk", connection=""))
    assert run.ended and not run.had_effect, await house.timeline(run)


async def test_terraform_is_written_to_scratch_checked_when_approved_and_never_applied(
    make_thinking, model: ScriptedModel, passable: Path
) -> None:
    house: House = await make_thinking(sandbox_root=passable / "sandbox")
    files = [{"path": "prod/disk.tf", "content": TERRAFORM}]
    one = {"name": "write it", "connection": "sandbox", "change": {"tool": "generate_tf", "files": files}}
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=[{"move": "step", "step": one}, done()])
    run = await house.drive(await ask(house, "terraform for the disk", connection=""))
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    run = await house.approve(run)
    (step,) = (await house.steps(run)).values()
    assert step.status is StepStatus.SUCCEEDED, step.outcome
    assert step.outcome is not None
    assert "configuration is valid" in step.outcome.stdout or "no terraform here" in step.outcome.stdout
    assert "apply" not in step.command.text
