"""What happens around an effect: waiting, healing, verifying, undoing, and what must not follow from each."""

from __future__ import annotations

import asyncio
import base64
import os

import pytest

from house import PERSON, ROBOT, TENANT, House
from opsagent.domain.run import Node, RunStatus, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import TicketStatus

HEAD = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
measures:
  ShopDown: {run: "test -e {{connection.healthy}}", for: 100ms, every: 50ms}
---
"""


def book(*fences: str, section: str = "Fix") -> str:
    return HEAD + f"## {section}\n\n" + "\n\n".join(f"```shell {fence}\n```" for fence in fences)


async def put_off(house: House, run):
    """Approve while paused: the run waits with its approval in hand."""
    await house.app.agent.switch(PERSON, "paused", on=True)
    return await house.approve(run)


async def resume(house: House, run):
    await house.app.agent.switch(PERSON, "paused", on=False)
    return await house.drive(run)


def kill_launcher_of(house: House, program: str) -> None:
    """From now on the launcher of that program dies right after the start of its command."""
    executor = house.app.executor
    keep = executor.run

    async def run(order):
        executor._failpoints = {"after-spawn": "kill"} if order.command.text.startswith(program) else {}
        return await keep(order)

    executor.run = run


async def due(house: House, run) -> bool:
    return run.id in {one.run_id for one in await house.app.stores.runs.due(100)}


async def test_what_healed_while_an_approved_effect_waited_is_left_alone(make_house) -> None:
    house: House = await make_house()
    run = await put_off(house, await house.drive(await house.alert()))
    assert run.status is RunStatus.IN_PROGRESS
    house.world.healthy.touch()
    os.utime(house.world.healthy, (1, 1))
    run = await resume(house, run)
    assert (run.status, run.verified, run.had_effect) == (RunStatus.COMPLETED, Verified.YES, False)
    assert house.world.healthy.stat().st_mtime == 1


async def test_waiting_is_not_a_loop_and_says_so_once(make_house) -> None:
    house: House = await make_house()
    run = await put_off(house, await house.drive(await house.alert()))
    assert not await due(house, run)
    assert run.due_at is not None
    assert run.due_at > house.app.clock.now()
    for _ in range(3):
        run = await house.drive(run)
    assert (await house.timeline(run)).count("Waiting:") == 1


async def test_time_spent_waiting_is_not_time_at_work(make_house) -> None:
    house: House = await make_house()
    run = await put_off(house, await house.drive(await house.alert()))
    assert run.active_since is None
    assert run.active_for(house.app.clock.now() + 10_000) < 60


async def test_a_verify_step_that_cannot_run_undoes_nothing(make_house) -> None:
    house: House = await make_house()
    undo = 'name=mend undo="rm {{connection.healthy}}"\ntouch {{connection.healthy}}'
    await house.add_runbook(book(undo) + "\n\n## Verify\n\n```shell name=own\npython3 -c 1\n```\n")
    run = await house.approve(await house.drive(await house.alert()))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.NOT_MEASURABLE)
    assert house.world.healthy.exists()
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.ESCALATED


async def test_what_never_started_is_not_undone(make_house, tmp_path) -> None:
    house: House = await make_house()
    script = tmp_path / "fix.sh"
    script.write_text("true\n")
    house.world.counter.write_text("precious\n")
    await house.add_runbook(book(f'name=mend undo="rm {{{{connection.counter}}}}"\nbash {script}'))
    run = await house.drive(await house.alert())
    keep = house.app.executor.run

    async def rewritten_just_before(order):
        if order.command.text.startswith("bash"):
            script.write_text("touch elsewhere\n")
        return await keep(order)

    house.app.executor.run = rewritten_just_before
    run = await house.approve(run)
    assert run.status is RunStatus.FAILED, await house.timeline(run)
    assert house.world.counter.read_text() == "precious\n"


async def test_a_kept_file_comes_back_to_the_byte_and_is_nowhere_in_clear(make_house) -> None:
    secret = "hunter2-hunter2-hunter2"
    house: House = await make_house(webhook_secrets={"alertmanager": secret})
    await house.add_runbook(book("name=cut save={{connection.state}} undo=restore\ntruncate -s 0 {{connection.state}}"))
    before = f"credentials: {secret}\n".encode() + bytes(range(256)) * 1200
    house.world.state.write_bytes(before)
    house.world.state.chmod(0o600)
    run = await house.approve(await house.drive(await house.alert()))
    assert run.status is RunStatus.FAILED, await house.timeline(run)
    assert house.world.state.read_bytes() == before
    assert house.world.state.stat().st_mode & 0o777 == 0o600
    await house.app.stores.housekeeping.check()
    needles = (secret.encode(), base64.b64encode(before)[8:60])
    for path in house.app.folder.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert not [needle for needle in needles if needle in held], path


async def test_without_a_key_a_step_that_keeps_a_file_first_is_not_run(make_house) -> None:
    house: House = await make_house(credential_encryption_key="")
    await house.add_runbook(book("name=cut save={{connection.state}} undo=restore\ntruncate -s 0 {{connection.state}}"))
    run = await house.approve(await house.drive(await house.alert()))
    assert run.status is RunStatus.FAILED
    assert "cannot be kept first" in run.error
    assert house.world.state.read_text() == "out of coffee\n"


async def test_an_undo_waits_for_the_end_of_a_pause(make_house) -> None:
    house: House = await make_house(settle_seconds=1)
    await house.add_runbook(book('name=mend undo="rm {{connection.counter}}"\ntouch {{connection.counter}}'))
    run = await house.drive(await house.alert())
    (approval,) = await house.app.stores.approvals.pending(TENANT)
    await house.app.agent.decide(PERSON, approval.id, grant=True)
    driving = asyncio.create_task(house.drive(run))
    async with asyncio.timeout(20):
        while (await house.app.stores.runs.get(TENANT, run.id)).next_node is not Node.VERIFY:
            await asyncio.sleep(0.01)
    await house.app.agent.switch(PERSON, "paused", on=True)
    run = await driving
    assert (run.status, run.next_node) == (RunStatus.IN_PROGRESS, Node.UNDO)
    assert house.world.counter.exists()
    run = await resume(house, run)
    assert run.status is RunStatus.FAILED
    assert not house.world.counter.exists()


async def test_a_repoint_after_the_effect_is_neither_verified_nor_undone_elsewhere(make_house) -> None:
    house: House = await make_house(settle_seconds=1)
    await house.add_runbook(book('name=mend undo="rm {{connection.counter}}"\ntouch {{connection.counter}}'))
    run = await house.drive(await house.alert())
    keep = house.app.executor.run

    async def repointed_meanwhile(order):
        outcome = await keep(order)
        if order.command.text.startswith("touch"):
            elsewhere = house.world.folder / "elsewhere"
            elsewhere.touch()
            await house.app.stores.connections.put(house.world.connection(healthy=str(elsewhere)), PERSON.id)
        return outcome

    house.app.executor.run = repointed_meanwhile
    run = await house.approve(run)
    assert run.verified is Verified.NOT_MEASURABLE, await house.timeline(run)
    assert house.world.counter.exists()
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.ESCALATED


async def test_a_cancel_in_the_middle_ends_as_cancelled_and_measures_what_is(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book("name=mend\ntouch {{connection.healthy}}; sleep 30"))
    run = await house.drive(await house.alert())
    (approval,) = await house.app.stores.approvals.pending(TENANT)
    await house.app.agent.decide(PERSON, approval.id, grant=True)
    driving = asyncio.create_task(house.drive(run))
    async with asyncio.timeout(20):
        while not house.world.healthy.exists():
            await asyncio.sleep(0.01)
    await house.app.agent.cancel(PERSON, run.id)
    run = await driving
    assert (run.status, run.verified) == (RunStatus.CANCELLED, Verified.YES), await house.timeline(run)


async def test_a_pause_kills_a_running_effect(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book("name=mend\ntouch {{connection.counter}}; sleep 30; touch {{connection.healthy}}"))
    run = await house.drive(await house.alert())
    (approval,) = await house.app.stores.approvals.pending(TENANT)
    await house.app.agent.decide(PERSON, approval.id, grant=True)
    driving = asyncio.create_task(house.drive(run))
    async with asyncio.timeout(20):
        while not house.world.counter.exists():
            await asyncio.sleep(0.01)
    await house.app.agent.switch(ROBOT, "paused", on=True)
    async with asyncio.timeout(15):
        run = await driving
    assert not house.world.healthy.exists()
    assert (await house.steps(run))["mend"].status is StepStatus.FAILED


@pytest.mark.parametrize(
    ("probe", "answer"),
    [
        ("test -e {{connection.state}}", StepStatus.HAPPENED),
        ("test -e {{connection.healthy}}", StepStatus.NOT_HAPPENED),
    ],
)
async def test_a_probe_answers_for_an_effect_nobody_knows_the_end_of(make_house, probe, answer) -> None:
    house: House = await make_house()
    kill_launcher_of(house, "touch")
    await house.add_runbook(book(f'name=mend probe="{probe}"\ntouch {{{{connection.counter}}}}'))
    run = await house.approve(await house.drive(await house.alert()))
    steps = await house.app.stores.journal.steps(TENANT, run.id)
    (first,) = [step for step in steps if step.name == "mend" and step.attempt == 1]
    assert first.status is answer, await house.timeline(run)
    if answer is StepStatus.NOT_HAPPENED:
        assert run.status is RunStatus.AWAITING_APPROVAL


async def test_a_probe_that_cannot_tell_asks_a_person_and_happened_goes_on(make_house) -> None:
    house: House = await make_house()
    kill_launcher_of(house, "touch")
    await house.add_runbook(
        book(
            'name=mend probe="cat /nowhere/at/all"\ntouch {{connection.counter}}',
            "name=heal\ntouch {{connection.healthy}}",
        )
    )
    run = await house.approve(await house.drive(await house.alert()))
    assert run.status is RunStatus.AWAITING_APPROVAL
    mend = (await house.steps(run))["mend"]
    assert mend.status is StepStatus.UNKNOWN
    await house.app.agent.resolve(PERSON, run.id, mend.number, "happened")
    del house.app.executor.run
    run = await house.approve(await house.drive(run))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)


async def test_a_step_for_another_executor_is_denied(make_house) -> None:
    house: House = await make_house()
    connection = house.world.connection()
    await house.app.stores.connections.put(type(connection)(**{**_fields(connection), "executor": "sql"}), PERSON.id)
    run = await house.drive(await house.ask())
    assert run.status is RunStatus.FAILED
    assert not house.world.healthy.exists()


def _fields(noun):
    return {name: getattr(noun, name) for name in noun.__dataclass_fields__}
