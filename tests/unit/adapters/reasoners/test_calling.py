"""Asking again, and paying: how long is waited, when it is given up, and what stays counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.reasoners.model.calling import Calling, CallingConfig, NoAnswer
from opsagent.adapters.reasoners.model.purse import Purse, PurseConfig
from opsagent.adapters.reasoners.thinking import Prompt, Thought
from opsagent.adapters.stores.memory import open_memory
from opsagent.domain.run import Run, Usage
from opsagent.domain.spending import Amount, Budget, Price
from opsagent.errors import ModelError, ModelRefused, ModelUnavailable
from store_nouns import Nouns

PROMPT = Prompt(name="plan", system="s" * 300, user="u" * 600, schema={}, model="openai:m", output_tokens=1000)
MOST = (900 + 2) // 3 + 1 + 1000
BUSY = ModelUnavailable("It is busy.", fix="Later.", input_tokens=7)


@dataclass
class Thinking:
    """Says what comes next in a list."""

    says: list[Thought | ModelError]
    name: str = "listed"
    asked: int = field(default=0)

    async def think(self, prompt: Prompt) -> Thought:
        assert prompt is PROMPT
        said = self.says[min(self.asked, len(self.says) - 1)]
        self.asked += 1
        if isinstance(said, ModelError):
            raise said
        return said


ANSWER = Thought(text="{}", usage=Usage(input_tokens=20, output_tokens=10))


@dataclass
class Place:
    clock: ManualClock = field(default_factory=ManualClock)
    ids: SeededIds = field(default_factory=SeededIds)

    async def open(self, *says: Thought | ModelError, config: CallingConfig, budget: Budget) -> None:
        self.stores = open_memory(self.clock, self.ids)
        await self.stores.housekeeping.open()
        self.thinking = Thinking(list(says))
        purse = PurseConfig(budget=budget, prices={"openai:m": Price(per_million_in=2, per_million_out=10)})
        self.calling = Calling(
            thinker=self.thinking,
            purse=Purse(store=self.stores.spending, clock=self.clock, config=purse),
            clock=self.clock,
            ids=self.ids,
            config=config,
        )
        self.run: Run = Nouns(self.clock, self.ids).run()

    async def answer(self) -> tuple[Thought, list[float]]:
        """The answer, and how long it waited before each further try."""
        task = asyncio.create_task(self.calling(self.run, PROMPT))
        waited: list[float] = []
        seen = 0
        while not task.done():
            await asyncio.sleep(0)
            if sleeping := self.clock.sleeping():
                assert self.thinking.asked > seen
                seen = self.thinking.asked
                waited.append(sleeping - self.clock.now())
                self.clock.move(sleeping - self.clock.now())
        return await task, waited

    async def spent(self) -> Amount:
        return await self.stores.spending.spent(self.run.tenant, run_id=self.run.id)


@pytest.fixture
async def make():
    opened: list[Place] = []

    async def made(
        *says: Thought | ModelError, config: CallingConfig | None = None, budget: Budget | None = None
    ) -> Place:
        place = Place()
        await place.open(*says, config=config or CallingConfig(), budget=budget or Budget())
        opened.append(place)
        return place

    yield made
    for one in opened:
        await one.stores.housekeeping.close()


async def test_a_busy_server_is_asked_again_with_a_growing_wait(make) -> None:
    place = await make(BUSY, BUSY, BUSY, ANSWER)
    thought, waited = await place.answer()
    assert place.thinking.asked == 4
    assert all(low <= wait <= 2 * low for wait, low in zip(waited, (0.5, 1.0, 2.0), strict=True)), waited
    assert thought.usage == Usage(input_tokens=20 + 3 * 7, output_tokens=10, calls=4)
    assert await place.spent() == Amount(tokens=30 + 3 * 7, micros=20 * 2 + 10 * 10 + 3 * 7 * 2)


async def test_it_waits_at_least_as_long_as_the_server_says(make) -> None:
    place = await make(ModelUnavailable("Busy.", retry_after_s=40.0), ANSWER)
    _, (waited,) = await place.answer()
    assert 40.0 <= waited <= 40.5


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (ModelRefused("No.", fix="Check the key."), 1),
        (ModelUnavailable("Busy.", retry_after_s=600.0), 1),
        (BUSY, 4),
    ],
)
async def test_it_gives_up_in_words(make, error: ModelError, asked: int) -> None:
    place = await make(error)
    with pytest.raises(NoAnswer, match=rf"model openai:m gave no answer: {error.message}") as caught:
        await place.answer()
    assert place.thinking.asked == asked
    assert ("It was asked 4 times." in str(caught.value)) == (asked == 4)
    assert not caught.value.over
    assert caught.value.usage.input_tokens == asked * error.input_tokens


async def test_beyond_the_budget_nothing_is_asked(make) -> None:
    place = await make(ANSWER, budget=Budget(run=Amount(tokens=MOST + 29)))
    await place.answer()
    with pytest.raises(NoAnswer, match="of this run does not reach: 30 of") as caught:
        await place.answer()
    assert caught.value.over
    assert caught.value.usage == Usage()
    assert place.thinking.asked == 1


async def test_the_budget_of_a_day_holds_over_runs_and_is_new_the_next_day(make) -> None:
    place = await make(ANSWER, budget=Budget(day=Amount(tokens=MOST + 29)))
    await place.answer()
    place.run = Nouns(place.clock, place.ids).run()
    with pytest.raises(NoAnswer, match=r"this tenant on 20..-..-.. \(UTC\)"):
        await place.answer()
    place.clock.move(24 * 3600)
    await place.answer()


async def test_a_question_cut_off_stays_counted_at_its_most(make) -> None:
    place = await make(ANSWER)

    async def never(_: Prompt) -> Thought:
        return await asyncio.get_running_loop().create_future()

    place.thinking.think = never
    task = asyncio.create_task(place.calling(place.run, PROMPT))
    while (await place.spent()).tokens == 0:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await place.spent()).tokens == MOST


async def test_a_server_that_counts_nothing_costs_the_most(make) -> None:
    place = await make(Thought(text="{}"))
    await place.answer()
    assert (await place.spent()).tokens == MOST
