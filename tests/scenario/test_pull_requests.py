"""A pull request from a runbook over the two APIs, into a real git repository: asked, once, and found again."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from house import PERSON, ROBOT, TENANT, House
from local_shell import open_folder
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.pull_request import ChangedFile, PullRequest
from opsagent.domain.run import Run, RunStatus, Source, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from servers.forge import TOKEN, Forge, forge

DISK = 'locals {\n  size = "it\'s ${1 + 1} {{x}}"\n}\n'
REPOSITORIES = {"github": "acme/infra", "gitlab": "42"}


@pytest.fixture
def infra(tmp_path: Path) -> Iterator[Forge]:
    (tmp_path / "infra.git").mkdir()
    with forge(tmp_path / "infra.git") as made:
        yield made


@pytest.fixture
async def house(make_house, infra: Forge) -> AsyncIterator[House]:
    with open_folder() as folder:  # that the sandbox's user may pass, unlike pytest's own
        made: House = await make_house(sandbox_root=folder / "sandbox")
        credential = Credential(id="", tenant=TENANT, name="forge-key", kind=CredentialKind.TOKEN)
        await made.app.broker.keep(credential, {"token": TOKEN}, ROBOT.id)
        await made.app.stores.connections.put(
            Connection(
                id="", tenant=TENANT, name="forge", executor="http", reach=Reach.SANDBOX, address=infra.url,
                options={"allow_private": "true"}, credential="forge-key",
            ),
            ROBOT.id,
        )  # fmt: skip
        yield made


def change(api: str, *files: ChangedFile, check_on: str = "") -> PullRequest:
    return PullRequest(
        id="bigger-disk", title="A bigger disk", api=api, connection="forge", repository=REPOSITORIES[api],
        branch="bigger-disk", files=files or (ChangedFile(path="prod/disk.txt", content=DISK),), check_on=check_on,
        body="The {{old}} one was full.",
    )  # fmt: skip


async def ask(house: House, wanted: PullRequest) -> Run:
    await house.add_runbook(wanted.markdown())
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="a bigger disk", requested_by=PERSON.id, runbook_id="bigger-disk",
        connection="forge",
    )  # fmt: skip
    return await house.drive(await house.app.agent.submit(trigger))


async def approve_all(house: House, run: Run) -> Run:
    while run.status is RunStatus.AWAITING_APPROVAL:
        run = await house.approve(run)
    return run


@pytest.mark.parametrize(("api", "sent"), [
    ("github", ["trees", "commits", "refs", "pulls"]), ("gitlab", ["commits", "merge_requests"]),
])  # fmt: skip
async def test_it_is_asked_for_and_opened_once(house: House, infra: Forge, api: str, sent: list[str]) -> None:
    run = await ask(house, change(api))
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    assert not infra.effects
    run = await approve_all(house, run)
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
    assert infra.effects == sent
    assert infra.git("show", "bigger-disk:prod/disk.txt") == DISK.strip()
    assert infra.git("show", "bigger-disk:README.md") == "infra"
    assert infra.git("log", "--format=%s", "bigger-disk").splitlines() == ["A bigger disk", "First"]
    again = await ask(house, change(api))  # it is open already, so there is nothing to do
    assert again.ended, await house.timeline(again)
    assert infra.effects == sent


@pytest.mark.parametrize(("api", "lost"), [("github", "refs"), ("github", "pulls"), ("gitlab", "commits")])
async def test_a_lost_answer_is_found_by_the_branch(house: House, infra: Forge, api: str, lost: str) -> None:
    infra.drop = lost
    run = await approve_all(house, await ask(house, change(api)))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
    assert infra.effects.count(lost) == 1


@pytest.mark.parametrize("api", ["github", "gitlab"])
async def test_a_branch_of_somebody_else_is_left_alone(house: House, infra: Forge, api: str) -> None:
    infra.git("update-ref", "refs/heads/bigger-disk", infra.tip("main"))
    run = await ask(house, change(api))
    assert run.ended, await house.timeline(run)
    assert not infra.effects
    assert infra.tip("bigger-disk") == infra.tip("main")


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed")
async def test_terraform_that_is_wrong_is_not_sent(house: House, infra: Forge) -> None:
    wrong = ChangedFile(path="prod/disk.tf", content='locals {\n  size = "${nothing.here}"\n}\n')
    run = await approve_all(house, await ask(house, change("gitlab", wrong, check_on="sandbox")))
    step = (await house.steps(run))["terraform"]
    assert step.status is StepStatus.FAILED, await house.timeline(run)
    assert not infra.effects


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed")
async def test_a_provider_is_not_fetched_and_that_is_said(house: House, infra: Forge) -> None:
    needs = ChangedFile(path="disk.tf", content='resource "aws_ebs_volume" "shop" {\n  size = 10\n}\n')
    run = await house.approve(await ask(house, change("github", needs, check_on="sandbox")))
    step = (await house.steps(run))["terraform"]
    assert step.status is StepStatus.SUCCEEDED, step.outcome
    assert step.outcome is not None
    assert "it was not validated" in step.outcome.stdout
    assert not step.command.network


async def test_terraform_that_is_right_is_proposed_and_never_applied(house: House, infra: Forge) -> None:
    right = ChangedFile(path="prod/disk.tf", content='locals {\n  size = "it\'s ${1 + 1}"\n}\n')
    run = await approve_all(house, await ask(house, change("gitlab", right, check_on="sandbox")))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
    step = (await house.steps(run))["terraform"]
    assert step.outcome is not None
    assert "configuration is valid" in step.outcome.stdout or "no terraform here" in step.outcome.stdout
    assert "apply" not in step.command.text
