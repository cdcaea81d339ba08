"""Taking back: what stopped halfway, what somebody else has changed since, and what was approved with its step."""

from __future__ import annotations

import pytest

from house import PERSON, TENANT, House
from opsagent.domain.identity import Principal, PrincipalKind, Role
from opsagent.domain.run import RunStatus, Verified
from opsagent.domain.step import StepStatus

MEASURED = """alerts: [ShopDown]
measures:
  ShopDown: {run: "test -e {{connection.healthy}}", for: 100ms, every: 50ms}
"""
CUT = "name=cut save={{connection.state}} undo=restore\ntruncate -s 0 {{connection.state}}"


def book(*fences: str, measured: str = MEASURED) -> str:
    steps = "\n\n".join(f"```shell {fence}\n```" for fence in fences)
    return f"---\nid: shop-down\ntitle: The shop is down\n{measured}---\n## Fix\n\n{steps}\n"


async def through(house: House, run):
    """Every question of the run answered with yes, to its end."""
    while run.status is RunStatus.AWAITING_APPROVAL:
        run = await house.approve(run)
    return run


@pytest.mark.parametrize("second", ["false && touch {{connection.counter}}", "touch /nonexistent/x"])
async def test_a_repair_that_stops_halfway_is_taken_back_though_nothing_measures_it(make_house, second) -> None:
    house: House = await make_house()
    await house.add_runbook(book(CUT, f"name=second\n{second}", measured=""))
    run = await through(house, await house.drive(await house.ask()))
    assert (run.status, run.verified) == (RunStatus.FAILED, Verified.NOT_MEASURABLE)
    assert house.world.state.read_text() == "out of coffee\n"
    assert (await house.steps(run))["cut"].status is StepStatus.UNDONE
    assert "second" in (await house.timeline(run))
    assert "cut was undone" in run.reason


async def test_what_ran_to_its_end_and_cannot_be_measured_stays(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book(CUT, measured=""))
    run = await through(house, await house.drive(await house.ask()))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.NOT_MEASURABLE)
    assert house.world.state.read_text() == ""


async def test_halfway_with_nothing_declared_keeps_the_reason_it_ended(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book("name=first\ntouch {{connection.counter}}", "name=second\ntouch /no/x", measured=""))
    run = await through(house, await house.drive(await house.ask()))
    assert run.status is RunStatus.FAILED
    assert "no undo" not in run.reason
    assert house.world.counter.exists()


async def test_a_run_started_by_name_is_measured_by_the_only_measure(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book(CUT))
    run = await through(house, await house.drive(await house.ask()))
    assert (run.status, run.verified) == (RunStatus.FAILED, Verified.NO)
    assert house.world.state.read_text() == "out of coffee\n"


async def test_of_two_measures_none_is_guessed(make_house) -> None:
    house: House = await make_house()
    two = MEASURED.replace("[ShopDown]", "[ShopDown, Other]") + '  Other: {run: "test -e {{connection.state}}"}\n'
    await house.add_runbook(book(CUT, measured=two))
    run = await through(house, await house.drive(await house.ask()))
    assert run.verified is Verified.NOT_MEASURABLE


def meanwhile(house: House, then) -> None:
    """Once the effect is on record and the world is being measured, somebody else does `then`."""
    keep, done = house.app.executor.run, []

    async def run(order):
        if order.command.text.startswith("truncate"):
            done.append("truncated")
        elif done == ["truncated"] and order.command.text.startswith("test -e"):
            done.append("changed")
            then()
        return await keep(order)

    house.app.executor.run = run


async def test_an_undo_never_writes_over_what_somebody_else_did_since(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book(CUT))
    run = await house.drive(await house.alert())
    meanwhile(house, lambda: house.world.state.write_text("IMPORTANT LINE OF A COLLEAGUE\n"))
    run = await house.approve(run)
    assert house.world.state.read_text() == "IMPORTANT LINE OF A COLLEAGUE\n"
    assert run.status is RunStatus.FAILED
    assert f"{house.world.state} was changed since" in run.reason, await house.timeline(run)
    steps = await house.steps(run)
    assert (steps["cut"].status, steps["undo cut"].status) == (StepStatus.SUCCEEDED, StepStatus.NOT_HAPPENED)


async def test_what_is_as_it_was_already_counts_as_undone(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book(CUT))
    run = await house.drive(await house.alert())
    meanwhile(house, lambda: house.world.state.write_text("out of coffee\n"))
    run = await house.approve(run)
    assert (await house.steps(run))["cut"].status is StepStatus.UNDONE, await house.timeline(run)


async def test_a_file_that_the_effect_made_and_others_wrote_to_is_not_removed(make_house) -> None:
    house: House = await make_house()
    made = CUT.replace("connection.state", "connection.counter")
    await house.add_runbook(book(made))
    run = await house.drive(await house.alert())
    meanwhile(house, lambda: house.world.counter.write_text("1\n"))
    run = await house.approve(run)
    assert house.world.counter.read_text() == "1\n"
    assert "was changed since" in run.reason


async def test_a_link_stays_a_link_and_its_target_gets_its_content_back(make_house) -> None:
    house: House = await make_house()
    target = house.world.folder / "target"
    house.world.state.rename(target)
    house.world.state.symlink_to(target)
    await house.add_runbook(book(CUT))
    run = await house.approve(await house.drive(await house.alert()))
    assert house.world.state.is_symlink()
    assert target.read_text() == "out of coffee\n", await house.timeline(run)


async def test_a_link_that_was_turned_to_another_file_is_not_written_through(make_house) -> None:
    house: House = await make_house()
    one, other = house.world.folder / "one", house.world.folder / "other"
    house.world.state.rename(one)
    house.world.state.symlink_to(one)
    other.write_text("")

    def turn() -> None:
        house.world.state.unlink()
        house.world.state.symlink_to(other)

    await house.add_runbook(book(CUT))
    run = await house.drive(await house.alert())
    meanwhile(house, turn)
    run = await house.approve(run)
    assert other.read_text() == ""
    assert f"leads to {other} now" in run.reason, await house.timeline(run)


BOB = Principal(id="person:bob/key2", tenant=TENANT, role=Role.APPROVER, kind=PrincipalKind.PERSON)
TWO_FOR_RM = "rules: [{id: two-for-rm, decide: ASK, when: {command: [rm]}, persons: 2}]\n"


async def test_who_approves_a_step_approves_its_undo_so_the_stricter_rule_counts(make_house, tmp_path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(TWO_FOR_RM)
    house: House = await make_house(user_policy_file=policy)
    await house.add_runbook(book('name=fix undo="rm -f {{connection.state}}"\ntouch {{connection.counter}}'))
    run = await house.drive(await house.alert())
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.persons == 2
    assert question.undo_manifest is not None
    assert question.undo_manifest.deletes == (str(house.world.state),)
    await house.app.agent.decide(PERSON, question.id, grant=True, digest=question.digest)
    assert not house.world.counter.exists()
    await house.app.agent.decide(BOB, question.id, grant=True, digest=question.digest)
    run = await house.drive(run)
    assert not house.world.state.exists(), await house.timeline(run)


async def test_an_undo_that_may_never_run_is_told_before_its_step(make_house, tmp_path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{id: never-rm, decide: DENY, because: never, when: {command: [rm]}}]\n")
    house: House = await make_house(user_policy_file=policy)
    await house.add_runbook(book('name=fix undo="rm -f {{connection.state}}"\ntouch {{connection.counter}}'))
    run = await house.drive(await house.alert())
    assert (run.status, house.world.counter.exists()) == (RunStatus.FAILED, False)
    assert "Its undo" in run.reason


async def test_a_question_names_the_paths_a_restore_would_write_over(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(book(CUT))
    await house.drive(await house.alert())
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.undo.endswith(f": {house.world.state}")
    assert question.undo_manifest is not None
    assert question.undo_manifest.writes == (str(house.world.state),)
