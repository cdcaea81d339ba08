"""From an alert to a verified fix: the loop with real stores, real judging and real commands."""

from __future__ import annotations

import pytest

from house import PERSON, ROBOT, TENANT, House
from opsagent.domain.approval import ApprovalStatus
from opsagent.domain.run import Mode, RunStatus, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import Classification, TicketStatus
from opsagent.errors import ApprovalDecided, ApprovalMismatch, Forbidden


async def test_an_alert_is_measured_diagnosed_asked_about_repaired_verified_and_closed(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    assert run.assessment is not None
    assert run.assessment.classification is Classification.TRUE_POSITIVE
    (approval,) = await house.app.stores.approvals.pending(TENANT)
    assert approval.command == f"touch {house.world.healthy}"
    assert approval.manifest.writes == (str(house.world.healthy),)
    assert not house.world.healthy.exists()

    run = await house.approve(run)
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert run.verified is Verified.YES
    assert house.world.healthy.exists()
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.RESOLVED
    steps = await house.steps(run)
    assert steps["look"].outcome is not None
    assert steps["look"].outcome.stdout == "out of coffee\n"
    assert [event.sequence for event in await house.app.stores.journal.events(TENANT, run.id)] == list(
        range(1, len(await house.app.stores.journal.events(TENANT, run.id)) + 1)
    )


async def test_a_healthy_target_is_a_false_positive_and_nothing_is_executed(make_house) -> None:
    house: House = await make_house()
    house.world.healthy.touch()
    run = await house.drive(await house.alert())
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert (run.resolved_mode, run.verified, run.had_effect) == (Mode.END, Verified.YES, False)
    assert run.assessment is not None
    assert run.assessment.classification is Classification.FALSE_POSITIVE
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.CLOSED
    assert {step.name for step in await house.app.stores.journal.steps(TENANT, run.id)} == {"measure"}


async def test_without_auto_close_a_false_positive_is_only_said(make_house) -> None:
    house: House = await make_house(auto_close=False)
    house.world.healthy.touch()
    run = await house.drive(await house.alert())
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.OPEN
    assert "would be closed" in ticket.reason


async def test_a_refused_repair_changes_nothing_and_escalates(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    run = await house.approve(run, grant=False)
    assert run.status is RunStatus.FAILED
    assert "person:ada refused it: seen" in run.error
    assert not house.world.healthy.exists()
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.ESCALATED


async def test_a_condition_that_heals_while_waiting_needs_no_effect(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    house.world.healthy.touch()
    run = await house.approve(run)
    assert run.status is RunStatus.COMPLETED
    assert (run.verified, run.had_effect) == (Verified.YES, False)
    steps = await house.steps(run)
    assert steps["count"].status is StepStatus.SKIPPED
    (approval,) = await house.app.stores.approvals.of_run(TENANT, run.id)
    assert approval.status is ApprovalStatus.GRANTED
    assert approval.used_at is None


async def test_a_repair_that_does_not_help_is_not_called_success(make_house) -> None:
    house: House = await make_house(fix="touch {{connection.counter}}")
    run = await house.approve(await house.drive(await house.alert()))
    assert run.status is RunStatus.FAILED
    assert run.verified is Verified.NO
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.ESCALATED


UNDOABLE = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
measures:
  ShopDown: {run: "test -e {{connection.healthy}}", for: 100ms, every: 50ms}
---
## Fix

```shell name=overwrite save={{connection.state}} undo=restore
truncate -s 0 {{connection.state}}
```

```shell name=mark undo="rm {{connection.counter}}"
touch {{connection.counter}}
```
"""


async def test_what_did_not_help_is_undone_to_the_byte(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(UNDOABLE)
    before = bytes(range(256)) * 5
    house.world.state.write_bytes(before)
    run = await house.drive(await house.alert())
    run = await house.approve(run)
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    assert house.world.state.read_bytes() == b""
    run = await house.approve(run)
    assert run.status is RunStatus.FAILED, await house.timeline(run)
    assert house.world.state.read_bytes() == before
    assert not house.world.counter.exists()
    steps = await house.steps(run)
    assert steps["overwrite"].status is StepStatus.UNDONE
    assert steps["mark"].status is StepStatus.UNDONE


async def test_a_repointed_connection_asks_again(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    (first,) = await house.app.stores.approvals.pending(TENANT)
    await house.app.agent.decide(PERSON, first.id, grant=True, digest=first.digest)
    elsewhere = house.world.folder / "elsewhere"
    await house.app.stores.connections.put(house.world.connection(healthy=str(elsewhere)), PERSON.id)
    run = await house.drive(run)
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    (second,) = await house.app.stores.approvals.pending(TENANT)
    assert second.digest != first.digest
    assert second.command == f"touch {elsewhere}"
    assert not house.world.healthy.exists()
    assert not elsewhere.exists()


async def test_a_rewritten_script_asks_again(make_house, tmp_path) -> None:
    house: House = await make_house(fix=f"bash {tmp_path}/machine/state")
    house.world.state.write_text(f"touch {house.world.healthy}\n")
    run = await house.drive(await house.alert())
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    (first,) = await house.app.stores.approvals.pending(TENANT)
    await house.app.agent.decide(PERSON, first.id, grant=True, digest=first.digest)
    house.world.state.write_text(f"touch {house.world.counter}\n")
    run = await house.drive(run)
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    assert not house.world.counter.exists()
    (second,) = await house.app.stores.approvals.pending(TENANT)
    assert second.digest != first.digest


async def test_only_a_person_decides_and_only_what_was_shown(make_house) -> None:
    house: House = await make_house()
    await house.drive(await house.alert())
    (approval,) = await house.app.stores.approvals.pending(TENANT)
    with pytest.raises(Forbidden):
        await house.app.agent.decide(ROBOT, approval.id, grant=True)
    with pytest.raises(ApprovalMismatch):
        await house.app.agent.decide(PERSON, approval.id, grant=True, digest="0" * 64)
    await house.app.agent.decide(PERSON, approval.id, grant=True)
    again = await house.app.agent.decide(PERSON, approval.id, grant=True)
    assert again.status is ApprovalStatus.GRANTED
    with pytest.raises(ApprovalDecided):
        await house.app.agent.decide(PERSON, approval.id, grant=False)


async def test_a_cancelled_question_ends_the_run_without_effect(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    await house.app.agent.cancel(PERSON, run.id)
    run = await house.drive(run)
    assert run.status is RunStatus.CANCELLED
    assert not await house.app.stores.approvals.pending(TENANT)
    assert not house.world.healthy.exists()


async def test_observing_suggests_and_changes_nothing(make_house) -> None:
    house: House = await make_house(acting=False)
    run = await house.drive(await house.alert())
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert f"touch {house.world.healthy}" in run.reason
    assert not house.world.healthy.exists()
    ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
    assert ticket.status is TicketStatus.ESCALATED


async def test_paused_means_no_effect_until_resumed(make_house) -> None:
    house: House = await make_house()
    run = await house.drive(await house.alert())
    await house.app.agent.switch(PERSON, "paused", on=True)
    run = await house.approve(run)
    assert run.status is RunStatus.IN_PROGRESS
    assert not house.world.healthy.exists()
    await house.app.agent.switch(PERSON, "paused", on=False)
    run = await house.drive(run)
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)


async def test_many_commands_in_one_run(make_house) -> None:
    house: House = await make_house()
    fences = "\n".join(f"```shell name=look-{n}\ncat {{{{connection.state}}}}\n```\n" for n in range(1, 21))
    await house.add_runbook(f"---\nid: many\ntitle: Many\n---\n## Diagnosis\n\n{fences}")
    run = await house.drive(await house.ask("many"))
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    steps = await house.app.stores.journal.steps(TENANT, run.id)
    assert [step.status for step in steps] == [StepStatus.SUCCEEDED] * 20


async def test_a_run_over_its_limit_ends_with_the_reason(make_house) -> None:
    house: House = await make_house()
    fences = "\n".join(f"```shell name=look-{n}\ntrue\n```\n" for n in range(1, 61))
    await house.add_runbook(f"---\nid: endless\ntitle: Endless\n---\n## Diagnosis\n\n{fences}")
    run = await house.drive(await house.ask("endless"))
    assert run.status is RunStatus.FAILED
    assert "limit of 50" in run.error
    assert run.generate_starts == 50


async def test_a_retry_is_a_new_run(make_house) -> None:
    house: House = await make_house()
    run = await house.approve(await house.drive(await house.ask()), grant=False)
    again = await house.app.agent.retry(PERSON, run.id)
    assert again.id != run.id
    assert again.retry_of == run.id
    again = await house.approve(await house.drive(again))
    assert again.status is RunStatus.COMPLETED, await house.timeline(again)


async def test_a_missing_parameter_ends_the_run_with_what_to_give(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(
        "---\nid: needs\ntitle: Needs\nparameters:\n  unit: {}\n---\n## Diagnosis\n\n"
        "```shell name=look\ngrep -c {{unit}} {{connection.state}}\n```\n"
    )
    run = await house.drive(await house.ask("needs"))
    assert run.status is RunStatus.FAILED
    assert "unit" in run.error
    hostile = await house.drive(await house.ask("needs", unit="x; touch /tmp/pwned"))
    assert hostile.status is RunStatus.FAILED
    assert "pattern" in hostile.error
