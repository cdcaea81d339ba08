"""Asks a chat model once, through LangChain's integrations: the plainest of the frameworks."""

from __future__ import annotations

from dataclasses import replace

from opsagent.adapters.reasoners.asking import Asker
from opsagent.adapters.reasoners.chat_models import ModelConfig
from opsagent.adapters.reasoners.roles import form
from opsagent.adapters.reasoners.thinking import Prompt, Thought


class LangChainThinker:
    """One call, one answer."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """How it is called in settings."""
        return "langchain"

    async def think(self, prompt: Prompt) -> Thought:
        """The answer of the prompt's model, else of the one it was made with. ModelUnavailable, ModelRefused."""
        config = replace(self._config, model=prompt.model or self._config.model)
        asker = Asker(config, output_tokens=prompt.output_tokens, hear=prompt.hear)
        told = [("system", f"{prompt.system}\n\n{form(prompt)}"), ("user", prompt.user)]
        return asker.thought(await asker.ask("model", told))
