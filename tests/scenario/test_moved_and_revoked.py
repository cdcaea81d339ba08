"""The world around a claimed effect changes: its target moves, its credential goes, people step in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from house import PERSON, ROBOT, TENANT, House
from local_shell import eventually
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.domain.freeze import Freeze
from opsagent.domain.run import Node, Run, RunStatus, Source
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import StoreUnavailable
from opsagent.ports.stores import Change
from servers.openssh import Host, openssh

COUNT = """---
id: count-up
title: Count up
---
# Count up

## Mitigation

```shell name=count%s
%s
```
"""
UNDONE = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
measures:
  ShopDown: {run: "test -e {{connection.healthy}}", for: 100ms, every: 50ms}
---
## Fix

```shell name=mend undo="rm {{connection.counter}}"
touch {{connection.counter}}
```
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with openssh() as made:
        yield made


def web1(host: Host, counter: Path, **options: str) -> Connection:
    given = {"host_key": host.host_key, "state_dir": str(host.state), **options}
    return Connection(
        id="", tenant=TENANT, name="web1", executor="ssh", address=host.address, credential="web1-key",
        options=given, values={"counter": str(counter)},
    )  # fmt: skip


async def keep_key(house: House, key: str) -> None:
    credential = Credential(id="", tenant=TENANT, name="web1-key", kind=CredentialKind.SSH_KEY)
    await house.app.broker.keep(credential, {"private_key": key}, ROBOT.id)


async def counting(make_house, host: Host, counter: Path, text: str, extra: str = "") -> tuple[House, Run]:
    """A house whose run asks to count up on web1."""
    house: House = await make_house()
    await keep_key(house, host.private_key)
    await house.app.stores.connections.put(web1(host, counter), ROBOT.id)
    await house.add_runbook(COUNT % (extra, text))
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="count", requested_by=PERSON.id, runbook_id="count-up", connection="web1"
    )
    return house, await house.drive(await house.app.agent.submit(trigger))


def just_before(house: House, when: Callable[[Change], bool], then: Callable[[], Awaitable[None]]) -> None:
    """Do something at the moment before such a change would be stored."""
    runs = house.app.stores.runs
    keep = runs.save

    async def save(lease, change):
        if when(change):
            del runs.save
            await then()
        return await keep(lease, change)

    runs.save = save


async def crash() -> None:
    raise StoreUnavailable("The disk is full.", fix="Free some space.")


def counted(change: Change) -> bool:
    return any(step.name == "count" and step.status is StepStatus.SUCCEEDED for step in change.steps)


async def status_of(house: House, run: Run, name: str = "count") -> StepStatus:
    return (await house.steps(run))[name].status


async def test_a_target_that_moved_is_not_asked_what_became_of_it(make_house, host: Host, tmp_path: Path) -> None:
    """The other host knows of no such token: that is no word about what happened on the first."""
    counter = tmp_path / "counter"
    house, run = await counting(make_house, host, counter, "echo once | tee -a {{connection.counter}}")
    just_before(house, counted, crash)
    with pytest.raises(StoreUnavailable):
        await house.approve(run)
    assert counter.read_text() == "once\n"
    with openssh() as other:
        await keep_key(house, other.private_key)
        await house.app.stores.connections.put(web1(other, counter), ROBOT.id)
        run = await house.drive(run)
        assert run.status is RunStatus.AWAITING_APPROVAL
        assert await status_of(house, run) is StepStatus.UNKNOWN
        assert not [one for one in await house.app.stores.approvals.pending(TENANT) if one.run_id == run.id]
        assert not (other.state / "tokens").exists()
    assert counter.read_text() == "once\n"


async def test_another_label_is_no_other_place(make_house, host: Host, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    house, run = await counting(make_house, host, counter, "echo once | tee -a {{connection.counter}}")
    just_before(house, counted, crash)
    with pytest.raises(StoreUnavailable):
        await house.approve(run)
    await house.app.stores.connections.put(replace(web1(host, counter), labels={"team": "shop"}), ROBOT.id)
    run = await house.drive(run)
    assert await status_of(house, run) is StepStatus.SUCCEEDED
    assert counter.read_text() == "once\n"


@pytest.mark.parametrize("how", ["pause", "cancel"])
async def test_what_runs_while_its_credential_goes_is_not_called_unstarted(
    make_house, host: Host, tmp_path: Path, how: str
) -> None:
    counter, go = tmp_path / "counter", tmp_path / "go"
    text = f"echo once | tee -a {{{{connection.counter}}}}; until [ -e {go} ]; do sleep 0.05; done"
    house, run = await counting(make_house, host, counter, text)
    task = asyncio.ensure_future(house.approve(run))
    await eventually(counter.exists)
    await house.app.stores.credentials.delete(TENANT, "web1-key", ROBOT.id)
    if how == "pause":
        await house.app.agent.switch(ROBOT, "paused", on=True)
    else:
        await house.app.agent.cancel(PERSON, run.id)
    run = await task
    go.touch()
    step = (await house.steps(run))["count"]
    assert step.may_have_had_effect, step
    assert step.outcome is not None
    assert (step.outcome.changed, step.outcome.known) == (None, False)


async def test_a_script_of_an_undo_that_changed_is_not_run(make_house, tmp_path: Path) -> None:
    house: House = await make_house(fix="true")
    script = tmp_path / "back.sh"
    script.write_text(f"rm {house.world.counter}\n")
    await house.add_runbook(UNDONE.replace("rm {{connection.counter}}", f"bash {script}"))
    run = await house.drive(await house.alert())
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.undo == f"bash {script}"
    just_before(house, _turns_back, _rewrite(script, tmp_path / "bad"))
    run = await house.approve(run)
    assert run.status is RunStatus.FAILED
    assert "back.sh, which it executes, has changed" in run.reason, await house.timeline(run)
    assert not (tmp_path / "bad").exists()


def _rewrite(script: Path, mark: Path) -> Callable[[], Awaitable[None]]:
    async def rewrite() -> None:
        script.write_text(f"touch {mark}\n")

    return rewrite


async def test_a_key_made_anew_under_its_old_name_asks_again(make_house, host: Host, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    house, run = await counting(make_house, host, counter, "echo once | tee -a {{connection.counter}}")
    (before,) = await house.app.stores.approvals.pending(TENANT)
    await house.app.stores.credentials.delete(TENANT, "web1-key", ROBOT.id)
    await keep_key(house, host.private_key)
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL
    (after,) = await house.app.stores.approvals.pending(TENANT)
    assert after.digest != before.digest
    assert not counter.exists()


async def hold(house: House, run: Run) -> None:
    """A person takes the ticket over, and everything is frozen."""
    ticket = (await house.app.stores.runs.get(TENANT, run.id)).ticket_id
    await house.app.agent.take_over(PERSON, ticket)
    await freeze(house)


async def freeze(house: House) -> None:
    now = house.app.clock.now()
    held = Freeze(id="f", tenant=TENANT, starts_at=now - 1, ends_at=now + 9999, reason="audit", by=PERSON.id)
    await house.app.agent.freeze(PERSON, held)


async def test_what_guard_let_through_before_a_crash_is_looked_at_once_more(make_house) -> None:
    house: House = await make_house(fix="touch {{connection.healthy}}")
    run = await house.drive(await house.alert())
    just_before(house, lambda change: change.claim is not None, crash)
    with pytest.raises(StoreUnavailable):
        await house.approve(run)
    assert (await house.app.stores.runs.get(TENANT, run.id)).next_node is Node.TOOLS
    await hold(house, run)
    await house.drive(run)
    assert not house.world.healthy.exists()


async def test_an_undo_waits_for_who_has_taken_the_ticket(make_house) -> None:
    house: House = await make_house(fix="true")
    await house.add_runbook(UNDONE)
    run = await house.drive(await house.alert())
    just_before(house, _turns_back, lambda: hold(house, run))
    run = await house.approve(run)
    assert house.world.counter.exists()
    assert not run.ended or run.status is RunStatus.FAILED


async def test_an_undo_in_a_freeze_is_left_to_a_person(make_house) -> None:
    house: House = await make_house(fix="true")
    await house.add_runbook(UNDONE)
    run = await house.drive(await house.alert())
    just_before(house, _turns_back, lambda: freeze(house))
    run = await house.approve(run)
    assert house.world.counter.exists()
    assert run.status is RunStatus.FAILED
    assert "Undo of mend stopped: Nothing is changed on shop until" in run.reason, await house.timeline(run)


def _turns_back(change: Change) -> bool:
    return change.run.next_node is Node.UNDO and change.run.verified is not None
