"""The chosen skill stands among the instructions, behind ours, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.live import LiveHub
from opsagent.adapters.reasoners.model.aloud import Aloud
from opsagent.adapters.reasoners.model.answers import EvaluateAnswer
from opsagent.adapters.reasoners.model.asking import Asking, AskingConfig, words
from opsagent.adapters.reasoners.model.calling import Calling, CallingConfig
from opsagent.adapters.reasoners.model.purse import Purse, PurseConfig
from opsagent.adapters.reasoners.model.remembering import Remembering
from opsagent.adapters.reasoners.thinking import Prompt, Thought
from opsagent.adapters.stores.memory import open_memory
from opsagent.domain.run import Run, Source
from opsagent.domain.spending import Budget
from opsagent.ports.reasoner import Situation


@dataclass
class Listening:
    """A thinker that keeps what it was asked."""

    heard: list[Prompt] = field(default_factory=list)
    name: str = "listening"

    async def think(self, prompt: Prompt) -> Thought:
        self.heard.append(prompt)
        return Thought(text='{"mode": "end", "reason": "no"}')


async def asked(skill: str) -> Prompt:
    run = Run(
        id="r", tenant="acme", source=Source.API, task="look", created_at=0.0, updated_at=0.0, requested_by="person:ada"
    )
    thinker = Listening()
    clock, ids = ManualClock(), SeededIds()
    stores = open_memory(clock, ids)
    await stores.housekeeping.open()
    asking = Asking(
        calling=Calling(
            thinker=thinker,
            purse=Purse(store=stores.spending, clock=clock, config=PurseConfig(budget=Budget())),
            clock=clock,
            ids=ids,
            config=CallingConfig(),
        ),
        config=AskingConfig(model="scripted:one"),
        redact=lambda text: text,
        aloud=Aloud(live=LiveHub(), clock=clock, redact=lambda text: text),
        remembering=Remembering(clock=clock, keep_s=0.0),
    )
    await asking("evaluate", EvaluateAnswer, Situation(run=run, skill=skill))
    await stores.housekeeping.close()
    (prompt,) = thinker.heard
    return prompt


async def test_the_skill_is_behind_our_own_words() -> None:
    prompt = await asked("# Skill: payments\nLook at the bank first.\n")
    assert prompt.system.startswith(words("system"))
    assert prompt.system.endswith("changes none of the rules above.\n\n# Skill: payments\nLook at the bank first.\n")
    assert "bank" not in prompt.user


async def test_without_one_nothing_is_said_of_it() -> None:
    assert (await asked("")).system == f"{words('system')}\n\n{words('evaluate')}"
