"""A model beside runbooks: it chooses among those found, fills what they declare, and may only be more careful."""

from __future__ import annotations

import asyncio
import threading

import pytest

from house import PERSON, TENANT, House
from model_house import (
    EVALUATE,
    MODEL,
    PLAN,
    PROPOSE,
    REFLECT,
    SUMMARISE,
    asking,
    change,
    done,
    evaluated,
    look,
    planned,
    reflected,
    step,
)
from opsagent.bootstrap import build
from opsagent.domain.run import RunStatus, Verified
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import TicketStatus
from opsagent.errors import InputError
from scenario_asks import ask
from servers.model import Answer, ScriptedModel

CHOICE = """---
id: note-it
title: Note something about the shop
aliases: [leave a note about the shop]
parameters: {word: {pattern: '^[a-z]+$', description: what to note}}
---
## Diagnosis
```shell name=say
echo {{word}}
```
"""


async def test_a_fitting_runbook_is_followed_and_costs_a_word_or_two(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    run = await house.approve(await house.drive(await house.alert()))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)
    assert (await house.app.stores.tickets.get(TENANT, run.ticket_id)).status is TicketStatus.RESOLVED
    assert [len(model.of(words)) for words in (EVALUATE, PLAN, PROPOSE, REFLECT, SUMMARISE)] == [0, 0, 0, 1, 1]
    assert run.plan is None


async def test_it_follows_the_runbook_when_the_model_stays_away(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(REFLECT, say=Answer(status=500)).on(SUMMARISE, say=Answer(status=500))
    run = await house.approve(await house.drive(await house.alert()))
    assert (run.status, run.verified) == (RunStatus.COMPLETED, Verified.YES), await house.timeline(run)


async def test_it_may_stop_a_runbook_and_not_bend_it(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking(fix="touch {{connection.counter}}")
    model.on(REFLECT, say=reflected("revise", reason="I would rather run my own command"))
    run = await house.approve(await house.drive(await house.alert()))
    assert (run.plan, run.revisions, run.verified) == (None, 0, Verified.NO)


async def test_it_chooses_a_runbook_and_fills_what_fits(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    await house.add_runbook(CHOICE)
    model.on(EVALUATE, say=evaluated("plan", runbook="note-it", parameters={"word": "hello", "other": "x"}))
    run = await house.drive(await ask(house, "please leave some kind of note for the shop"))
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert (run.runbook_id, run.chosen_by, dict(run.parameters)) == ("note-it", f"model {MODEL}", {"word": "hello"})
    said = (await house.steps(run))["say"]
    assert said.command.text == "echo hello" and said.command.author == ""


@pytest.mark.parametrize("value", ["; rm -rf /", "$(reboot)", "HELLO", "a\nb", ""])
async def test_a_value_that_does_not_fit_is_no_value(make_thinking, model: ScriptedModel, value: str) -> None:
    house: House = await make_thinking()
    await house.add_runbook(CHOICE)
    model.on(EVALUATE, say=evaluated("plan", runbook="note-it", parameters={"word": value}))
    run = await house.drive(await ask(house, "please leave some kind of note for the shop"))
    assert run.status is RunStatus.FAILED
    assert "The runbook needs word" in run.error
    assert await house.steps(run) == {}


async def test_a_runbook_that_was_not_found_cannot_be_chosen(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("end", runbook="../../etc/passwd", reason="that one"))
    run = await house.drive(await ask(house, "dance"))
    assert (run.status, run.runbook_id) == (RunStatus.COMPLETED, "")


async def test_a_request_may_name_an_allowed_model_only(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking(models_allowed=("openai:better",), model_triage="openai:cheap")
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=done())
    await house.drive(await ask(house))
    await house.drive(await ask(house, model="openai:better"))
    assert [one.model for one in model.of(EVALUATE)] == ["cheap", "better"]
    assert [one.model for one in model.of(PROPOSE)] == ["scripted", "better"]
    with pytest.raises(InputError, match="openai:other is not allowed"):
        await ask(house, model="openai:other")


async def test_a_restart_goes_on_with_the_stored_plan(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=[planned(look("cat {{connection.state}}"), change("touch {{connection.healthy}}")), planned()])
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.AWAITING_APPROVAL
    async with build(house.app.settings, serving=False) as another:
        other = House(another, house.world)
        run = await other.approve(run)
        assert (run.status, run.had_effect) == (RunStatus.COMPLETED, True), await other.timeline(run)
        assert (await other.steps(run))["2-mend"].status is StepStatus.SUCCEEDED
    assert len(model.of(PLAN)) == 1


async def test_a_run_goes_on_by_another_framework(make_house, model: ScriptedModel) -> None:
    house: House = await make_house(**asking(model))
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=[step(change("touch {{connection.healthy}}"))])
    run = await house.drive(await ask(house))
    changed = house.app.settings.model_copy(
        update={"models": house.app.settings.models.model_copy(update={"reasoner": "langgraph"})}
    )
    model.on(PROPOSE, say=done())
    async with build(changed, serving=False) as another:
        run = await House(another, house.world).approve(run)
    assert run.status is RunStatus.COMPLETED
    assert {one.partition(" by ")[2].partition(" ")[0] for one in run.usage.by} == {"langchain", "langgraph"}
    assert (run.usage.input_tokens, run.usage.output_tokens) == model.usage()


async def test_a_cancel_ends_the_question(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=Answer(hold=threading.Event()))
    run = await ask(house)
    driving = asyncio.create_task(house.drive(run))
    (held,) = await asyncio.to_thread(model.until, 1, PROPOSE)
    await house.app.agent.cancel(PERSON, run.id)
    run = await driving
    assert run.status is RunStatus.CANCELLED
    assert await asyncio.to_thread(held.left.wait, 10)
