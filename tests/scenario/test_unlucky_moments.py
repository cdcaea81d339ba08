"""A cancel, a denial, a crash or a new registration at exactly the wrong moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from house import PERSON, TENANT, House
from opsagent.domain.run import RunStatus, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import TicketStatus
from opsagent.errors import StoreUnavailable
from opsagent.ports.stores import Change

HEAD = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
measures:
  ShopDown: {run: "test -e {{connection.healthy}}", for: 100ms, every: 50ms}
---
## Fix

"""
UNDOABLE = HEAD + '```shell name=mend undo="rm {{connection.counter}}"\ntouch {{connection.counter}}\n```\n'
STUBBORN = HEAD + '```shell name=mend undo="rm {{connection.counter}} /nowhere"\ntouch {{connection.counter}}\n```\n'
CUT = HEAD + "```shell name=cut save={{connection.state}} undo=restore\ntruncate -s 0 {{connection.state}}\n```\n"


def just_before(house: House, when: Callable[[Change], bool], then: Callable[[], Awaitable[None]]) -> None:
    """Once, right before the save that `when` is about, do `then`."""
    runs = house.app.stores.runs
    keep = runs.save

    async def save(lease, change):
        if when(change):
            del runs.save
            await then()
        return await keep(lease, change)

    runs.save = save


async def crash() -> None:
    raise StoreUnavailable("The disk is full.", fix="Make room.")


def undo_ended(change: Change) -> bool:
    return any(step.undo_of and step.status in (StepStatus.SUCCEEDED, StepStatus.FAILED) for step in change.steps)


async def cut_short(house: House, run):
    with pytest.raises(StoreUnavailable):
        await house.approve(run)
    return run


async def test_a_cancel_right_before_the_undo_is_not_written_down_as_an_undo(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(UNDOABLE)
    run = await house.drive(await house.alert())

    async def cancel() -> None:
        await house.app.agent.cancel(PERSON, run.id)

    just_before(house, lambda change: bool(change.claim) and any(step.undo_of for step in change.steps), cancel)
    run = await house.approve(run)
    assert run.status is RunStatus.CANCELLED
    assert (await house.steps(run))["mend"].status is StepStatus.SUCCEEDED
    assert house.world.counter.exists()


async def test_an_undo_that_failed_is_not_tried_again_after_a_crash(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(STUBBORN)
    run = await house.drive(await house.alert())
    just_before(house, undo_ended, crash)
    run = await house.drive(await cut_short(house, run))
    assert run.status is RunStatus.FAILED, await house.timeline(run)
    undos = [step for step in await house.app.stores.journal.steps(TENANT, run.id) if step.undo_of]
    assert [step.status for step in undos] == [StepStatus.FAILED]


async def test_a_denial_stands_above_an_approval_given_before(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    object.__setattr__(house.app.worker.kit.judge, "host_reach", frozenset())
    run = await house.approve(run)
    assert run.status is RunStatus.FAILED
    assert (await house.steps(run))["count"].status is StepStatus.REFUSED
    assert not house.world.healthy.exists()


async def test_another_target_being_healthy_says_nothing_about_this_one(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    elsewhere = house.world.folder / "elsewhere"
    elsewhere.touch()
    await house.app.stores.connections.put(house.world.connection(healthy=str(elsewhere)), PERSON.id)
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    run = await house.approve(run)
    assert run.verified is Verified.NOT_MEASURABLE
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.ESCALATED


async def test_a_target_is_not_locked_for_ever_by_what_nobody_can_look_up(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    just_before(house, lambda c: any(s.name == "count" and s.status is StepStatus.SUCCEEDED for s in c.steps), crash)
    run = await cut_short(house, run)
    await house.app.stores.connections.delete(TENANT, "shop", PERSON.id)
    run = await house.drive(run)
    step = (await house.steps(run))["count"]
    assert (run.ended, step.status) == (True, StepStatus.UNKNOWN)
    await house.app.agent.resolve(PERSON, run.id, step.number, "happened")
    await house.app.stores.connections.put(house.world.connection(), PERSON.id)
    house.world.healthy.unlink()
    other = await house.approve(await house.drive(await house.ask()))
    assert other.ended, other.waiting
    assert house.world.healthy.exists()


async def test_what_another_run_wrote_before_the_claim_is_what_is_kept(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(CUT)
    run = await house.drive(await house.alert())

    async def another_effect_ends() -> None:
        house.world.state.write_text("written by another run\n")

    just_before(house, lambda change: bool(change.claim), another_effect_ends)
    run = await house.approve(run)
    assert run.status is RunStatus.FAILED
    assert house.world.state.read_text() == "written by another run\n"


async def test_a_restore_nobody_saw_the_end_of_is_compared_all_the_same(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(CUT)
    run = await house.drive(await house.alert())
    just_before(house, undo_ended, crash)
    run = await cut_short(house, run)
    house.world.state.write_text("not what it was\n")
    run = await house.drive(run)
    assert "is not what it was before" in run.error
    assert (await house.steps(run))["cut"].status is not StepStatus.UNDONE


async def test_a_read_that_is_killed_each_time_is_tried_three_times(make_house) -> None:
    house: House = await make_house()
    executor = house.app.executor
    keep, reads = executor.run, []

    async def run_it(order):
        reading = order.command.text.startswith("cat")
        executor._failpoints = {"after-spawn": "kill"} if reading else {}
        reads.extend([order.token] if reading else [])
        return await keep(order)

    executor.run = run_it
    run = await house.drive(await house.alert())
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    assert len(reads) == 3


async def test_a_person_who_answers_while_the_probe_runs_is_not_overruled(make_house) -> None:
    house: House = await make_house()
    executor = house.app.executor
    keep = executor.run

    async def run_it(order):
        executor._failpoints = {"after-spawn": "kill"} if order.command.text.startswith("touch") else {}
        outcome = await keep(order)
        if "nothere" in order.command.text:
            mend = (await house.steps(run))["mend"]
            await house.app.agent.resolve(PERSON, run.id, mend.number, "happened")
        return outcome

    executor.run = run_it
    probed = '```shell name=mend probe="test -e /nothere"\ntouch {{connection.counter}}\n```\n'
    await house.add_runbook(HEAD + probed)
    run = await house.drive(await house.alert())
    run = await house.approve(run)
    steps = await house.app.stores.journal.steps(TENANT, run.id)
    assert [step.status for step in steps if step.name == "mend"] == [StepStatus.HAPPENED]
