"""Whoever watches reads along while a model writes; a remembered answer is not paid for twice."""

from __future__ import annotations

import asyncio

from house import TENANT, House
from model_house import EVALUATE, PLAN, PROPOSE, SUMMARISE, done, evaluated, look, planned, step
from opsagent.adapters.live import Watcher
from opsagent.domain.run import RunStatus
from scenario_asks import ask
from servers.model import ScriptedModel


async def test_words_come_while_they_are_written_and_only_to_whoever_watches(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan"))
    model.on(PLAN, say=planned(look("cat {{connection.state}}"), reason=" ".join(["so we look there first"] * 20)))
    run = await ask(house)
    watcher = house.app.live.watch(TENANT, run.id)

    hearing = asyncio.create_task(_heard(watcher))
    run = await house.drive(run)
    watcher.close()
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert any(text.startswith('{"reason":') for text in await hearing)
    del hearing
    assert all(one.streamed for one in model.asked)
    assert (run.usage.input_tokens, run.usage.output_tokens) == model.usage()
    events = await house.app.stores.journal.events(TENANT, run.id)
    assert not any("thinking" in event.metadata for event in events)
    model.asked.clear()
    del watcher
    await house.drive(await ask(house))
    assert model.asked and not any(one.streamed for one in model.asked)


async def _heard(watcher: Watcher) -> list[str]:
    return [event.content async for event in watcher if event is not None and not event.sequence]


async def test_the_same_question_is_paid_for_once_where_that_is_switched_on(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking(model_cache_minutes=5)
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=[step(look("cat {{connection.state}}")), done()])
    first = await house.drive(await ask(house))
    second = await house.drive(await ask(house))
    assert first.status is second.status is RunStatus.COMPLETED
    assert len(model.of(EVALUATE)) == 1
    assert first.usage.calls > second.usage.calls


async def test_by_default_every_run_asks_for_itself(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=done())
    for _ in range(2):
        await house.drive(await ask(house))
    assert len(model.of(EVALUATE)) == 2
    assert len(model.of(SUMMARISE)) == 2
