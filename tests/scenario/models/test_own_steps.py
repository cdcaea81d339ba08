"""Runs no runbook is for: a model proposes, and what it proposes is judged, asked and told like anything else."""

from __future__ import annotations

from house import TENANT, House
from model_house import (
    EVALUATE,
    MODEL,
    PLAN,
    PROPOSE,
    REFLECT,
    REVISE,
    SUMMARISE,
    change,
    done,
    evaluated,
    look,
    planned,
    reflected,
    step,
    summed,
)
from opsagent.domain.run import Mode, RunStatus, Verified
from opsagent.domain.step import StepStatus
from scenario_asks import ask
from servers.model import ScriptedModel


async def test_fast_one_look_and_an_answer(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=[step(look("cat {{connection.state}}")), done("It is out of coffee.")])
    model.on(SUMMARISE, say=summed("The shop is out of coffee."))
    run = await house.drive(await ask(house))
    assert (run.status, run.resolved_mode, run.had_effect) == (RunStatus.COMPLETED, Mode.FAST, False)
    (only,) = (await house.steps(run)).values()
    assert only.command.author == f"model {MODEL}"
    assert only.verdict is not None and only.verdict.rule == "proven-read"
    assert only.outcome is not None and "out of coffee" in only.outcome.stdout
    assert run.result is not None and f"In the words of model {MODEL}: The shop is out of coffee." in run.result.summary
    assert (run.usage.input_tokens, run.usage.output_tokens) == model.usage()
    assert "out of coffee" in model.of(PROPOSE)[1].user


async def test_a_plan_is_stored_then_followed_and_a_change_is_asked_about(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    undo = "rm {{connection.healthy}}"
    model.on(PLAN, say=planned(look("cat {{connection.state}}"), change("touch {{connection.healthy}}", undo=undo)))
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    assert run.plan is not None and [one.name for one in run.plan.steps] == ["1-look", "2-mend"]
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.author == f"model {MODEL}"
    mend = (await house.steps(run))["2-mend"]
    assert [(one.start, one.end, one.origin) for one in mend.command.outside] == [
        (0, len(mend.command.text), f"model {MODEL}")
    ]
    asked_before = len(model.of(PLAN))
    run = await house.approve(run)
    assert (run.status, run.had_effect, run.verified) == (RunStatus.COMPLETED, True, Verified.NOT_MEASURABLE)
    assert house.world.healthy.exists()
    assert len(model.of(PLAN)) == asked_before
    timeline = await house.timeline(run)
    assert f"In the words of model {MODEL}" in timeline


async def test_a_scratch_change_of_a_model_is_asked_about_too(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=[step(change("touch note", connection="sandbox")), done()])
    run = await house.drive(await ask(house, "note it", connection=""))
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)


async def test_a_refusal_leads_to_another_way(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(change("touch {{connection.healthy}}")))
    model.on(REVISE, say={"move": "plan", "reason": "then only a look", "steps": [look("cat {{connection.state}}")]})
    run = await house.approve(await house.drive(await ask(house)), grant=False)
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    steps = await house.steps(run)
    assert steps["1-mend"].status is StepStatus.REFUSED
    assert steps["2-look"].status is StepStatus.SUCCEEDED
    assert not house.world.healthy.exists()
    assert (run.revisions, run.had_effect) == (1, False)
    assert "seen" in model.of(REVISE)[0].user  # what the person said


async def test_a_model_that_wants_it_back_gets_the_approved_undo(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    undo = "rm {{connection.healthy}}"
    model.on(PLAN, say=planned(change("touch {{connection.healthy}}", undo=undo)))
    model.on(REFLECT, say=reflected("roll_back", reason="that was the wrong file"))
    run = await house.approve(await house.drive(await ask(house)))
    assert (run.status, run.had_effect) == (RunStatus.FAILED, True), await house.timeline(run)
    assert not house.world.healthy.exists()
    assert (await house.steps(run))["1-mend"].status is StepStatus.UNDONE


async def test_no_runbook_and_no_answer_ends_with_words(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say="I would rather write a poem.")
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.FAILED
    assert "gave no usable answer, twice: the answer holds no JSON object" in run.error
    assert len(model.of(EVALUATE)) == 2
    assert "could not be used: the answer holds no JSON object" in model.of(EVALUATE)[1].user


async def test_one_bad_answer_is_asked_again_and_both_are_paid_for(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=['{"mode": "sideways", "reason": ""}', evaluated("end", reason="Hello!")])
    run = await house.drive(await ask(house, "hello"))
    assert run.status is RunStatus.COMPLETED
    assert run.result is not None and "Hello!" in run.result.summary
    assert (run.usage.input_tokens, run.usage.output_tokens) == model.usage()
    assert run.usage.calls == 2
