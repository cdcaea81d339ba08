"""What a model may cost, and what happens while it stays away."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from house import TENANT, House
from model_house import EVALUATE, PLAN, PROPOSE, REFLECT, SUMMARISE, change, done, evaluated, look, planned, step
from opsagent.domain.run import RunStatus, Verified
from opsagent.domain.step import StepStatus
from scenario_asks import ask
from servers.model import Answer, ScriptedModel


def dear(said: object, tokens: int = 499_000) -> Answer:
    """An answer that leaves hardly anything of the budget."""
    return Answer(text=json.dumps(said), usage=(tokens, 1_000))


async def test_beyond_its_budget_a_run_stops_and_what_it_changed_is_verified(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    again = change("touch {{connection.healthy}}2")
    model.on(PLAN, say=dear(planned(change("touch {{connection.healthy}}"), again), 495_000))
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    asked = len(model.asked)
    run = await house.approve(run)
    assert (run.status, run.verified, run.had_effect) == (RunStatus.FAILED, Verified.NOT_MEASURABLE, True)
    assert run.result is not None
    assert "The budget for models of this run does not reach" in run.result.summary, run.result.summary
    assert "OPSAGENT_MODEL_RUN_" in run.error
    assert set(await house.steps(run)) == {"1-mend"}
    assert len(model.asked) == asked  # neither reflect nor summarise was asked


async def test_a_day_without_budget_ends_a_run_at_once_and_a_runbook_is_followed_all_the_same(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking(model_day_tokens=10)
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.FAILED
    assert run.result is not None and "this tenant on" in run.result.summary, run.result
    assert model.asked == []
    run = await house.drive(await house.ask())
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    assert model.asked == []


async def test_what_was_counted_is_what_the_model_counted(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking(model_run_cents=5000, model_prices=("openai:scripted=2/10",))
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=[step(look("cat {{connection.state}}")), done()])
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    taken, given = model.usage()
    assert (run.usage.input_tokens, run.usage.output_tokens) == (taken, given)
    today = datetime.fromtimestamp(house.app.clock.now(), UTC).date().isoformat()
    for spent in (
        await house.app.stores.spending.spent(TENANT, run_id=run.id),
        await house.app.stores.spending.spent(TENANT, day=today),
    ):
        assert (spent.tokens, spent.micros) == (taken + given, taken * 2 + given * 10)


async def test_a_busy_model_is_asked_again(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking(model_tries=3)
    model.on(EVALUATE, say=[Answer(status=429, retry_after="0"), evaluated("fast")])
    model.on(PROPOSE, say=[step(look("cat {{connection.state}}")), done()])
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert len(model.of(EVALUATE)) == 2
    assert (await house.steps(run))["1-look"].status is StepStatus.SUCCEEDED
    assert run.usage.calls == len(model.asked)


async def test_a_model_that_stays_away_ends_a_run_in_words_and_not_one_that_has_a_runbook(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking(model_tries=2)
    for words in (EVALUATE, REFLECT, SUMMARISE):
        model.on(words, say=Answer(status=503))
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.FAILED
    assert run.result is not None and "It was asked 2 times." in run.result.summary, run.result
    run = await house.approve(await house.drive(await house.ask()))
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert house.world.healthy.exists()
