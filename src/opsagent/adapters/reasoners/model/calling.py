"""Asks a framework with patience, and within the budget."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from opsagent.adapters.reasoners.model.purse import Purse
from opsagent.adapters.reasoners.thinking import Prompt, Thinker, Thought
from opsagent.domain.run import Run, Usage
from opsagent.errors import BudgetSpent, ModelError
from opsagent.ports.clock import Clock, Ids

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingConfig:
    """`tries` of one question in all. The wait doubles from `first_s` up to `longest_s`, all in seconds.

    A server that wants a longer wait than `longest_s` is not waited for.
    """

    tries: int = 4
    first_s: float = 1.0
    longest_s: float = 60.0


class NoAnswer(Exception):
    """Nothing that can be used came back; `usage` was spent all the same. `over`: the budget does not reach."""

    def __init__(self, words: str, usage: Usage, *, over: bool = False) -> None:
        super().__init__(words)
        self.usage = usage
        self.over = over


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """One question, asked again where that may help. Whoever cancels a run cancels the wait too."""

    thinker: Thinker
    purse: Purse
    clock: Clock
    ids: Ids
    config: CallingConfig = field(default_factory=CallingConfig)

    async def __call__(self, run: Run, prompt: Prompt) -> Thought:
        """The answer, with what all tries cost. NoAnswer, in words a person understands."""
        lost, tried = Usage(), 0
        while True:
            try:
                thought = await self._once(run, prompt)
            except BudgetSpent as error:
                raise NoAnswer(f"{error.message} {error.fix}", lost, over=True) from error
            except ModelError as error:
                tried += 1
                lost = lost.plus(Usage(input_tokens=error.input_tokens, output_tokens=error.output_tokens, calls=1))
                wait = self._wait(tried, error)
                if wait is None:
                    times = f" It was asked {tried} times." if tried > 1 else ""
                    words = f"model {prompt.model} gave no answer: {error.message}{times} {error.fix}".strip()
                    raise NoAnswer(words, lost) from error
                log.info("run %s asks %s again in %.1f s: %s", run.id, prompt.model, wait, error.message)
            else:
                calls = max(1, thought.usage.calls)
                return replace(thought, usage=lost.plus(replace(thought.usage, calls=calls)))
            await self.clock.sleep(wait)

    async def _once(self, run: Run, prompt: Prompt) -> Thought:
        booking = await self.purse.book(run, prompt)
        try:
            thought = await self.thinker.think(prompt)
        except ModelError as error:
            spent = Usage(input_tokens=error.input_tokens, output_tokens=error.output_tokens)
            await self.purse.settle(booking, prompt, spent)
            raise
        if thought.usage.input_tokens or thought.usage.output_tokens:  # a server that counts nothing costs its most
            await self.purse.settle(booking, prompt, thought.usage)
        return thought

    def _wait(self, tried: int, error: ModelError) -> float | None:
        """Seconds to wait after that many tries, half of them by chance; None to give up."""
        asked = error.retry_after_s or 0.0
        if not error.retryable or tried >= self.config.tries or asked > self.config.longest_s:
            return None
        longest = min(self.config.longest_s, self.config.first_s * 2.0 ** min(tried - 1, 62))
        return max(asked, longest / 2) + longest / 2 * self.ids.jitter()
