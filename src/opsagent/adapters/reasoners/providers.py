"""Sends each question to the thinker of its model's provider, so that no key ever reaches another one."""

from __future__ import annotations

from collections.abc import Mapping

from opsagent.adapters.reasoners.thinking import Prompt, Thinker, Thought
from opsagent.errors import ModelRefused


class ByProvider:
    """Fulfils Thinker over one thinker per provider (`openai`, `anthropic` ...), all of one framework."""

    def __init__(self, name: str, thinkers: Mapping[str, Thinker]) -> None:
        self._name = name
        self._thinkers = thinkers

    @property
    def name(self) -> str:
        """How the framework is called in settings."""
        return self._name

    async def think(self, prompt: Prompt) -> Thought:
        """The answer of the model the prompt names. ModelRefused: nothing here can ask it."""
        provider = prompt.model.partition(":")[0]
        thinker = self._thinkers.get(provider)
        if thinker is None:
            raise ModelRefused(f"Nothing here can ask `{prompt.model}`.", fix="Name one that the settings allow.")
        return await thinker.think(prompt)
