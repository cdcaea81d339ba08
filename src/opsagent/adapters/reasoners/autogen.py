"""An assistant and a critic in a group chat of AutoGen: runs in the child process of `runner.py` only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
)

from opsagent.adapters.reasoners.asking import Asker, Said
from opsagent.adapters.reasoners.roles import AGREED, CRITIQUE, PROPOSE, form
from opsagent.adapters.reasoners.thinking import Prompt

_MOST_MESSAGES = 4  # the question, a draft, its faults, the draft mended
_ROOM_TOKENS = 10**9  # who asks has cut the prompt to the model's size


class _Voice(ChatCompletionClient):
    """One agent's model: hands what the chat says to our asker."""

    def __init__(self, name: str, asker: Asker) -> None:
        self._name, self._asker = name, asker
        self._total = RequestUsage(prompt_tokens=0, completion_tokens=0)
        self._last = self._total

    async def create(self, messages: Sequence[LLMMessage], **_: Any) -> CreateResult:
        """Called by an agent for its turn."""
        before = self._asker.usage
        text = await self._asker.ask(self._name, [_said(one) for one in messages])
        after = self._asker.usage
        self._last = RequestUsage(
            prompt_tokens=after.input_tokens - before.input_tokens,
            completion_tokens=after.output_tokens - before.output_tokens,
        )
        self._total = RequestUsage(
            prompt_tokens=self._total.prompt_tokens + self._last.prompt_tokens,
            completion_tokens=self._total.completion_tokens + self._last.completion_tokens,
        )
        return CreateResult(finish_reason="stop", content=text, usage=self._last, cached=False)

    async def create_stream(
        self, messages: Sequence[LLMMessage], **given: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        yield await self.create(messages, **given)

    async def close(self) -> None:
        """The asker is closed by who made it."""

    def actual_usage(self) -> RequestUsage:
        return self._last

    def total_usage(self) -> RequestUsage:
        return self._total

    def count_tokens(self, *_: Any, **__: Any) -> int:
        return 0

    def remaining_tokens(self, *_: Any, **__: Any) -> int:
        return _ROOM_TOKENS

    @property
    def capabilities(self) -> ModelInfo:
        return self.model_info

    @property
    def model_info(self) -> ModelInfo:
        return ModelInfo(
            vision=False, function_calling=False, json_output=False, family="unknown", structured_output=False
        )


async def converse(prompt: Prompt, asker: Asker) -> str:
    """The assistant drafts, the critic looks for faults; when there are some, the assistant answers once more."""
    assistant = AssistantAgent(
        "assistant",
        model_client=_Voice("assistant", asker),
        system_message=f"{prompt.system}\n\n{PROPOSE} {form(prompt)}",
    )
    critic = AssistantAgent(
        "critic", model_client=_Voice("critic", asker), system_message=f"{prompt.system}\n\n{CRITIQUE}"
    )
    ends = TextMentionTermination(AGREED, sources=["critic"]) | MaxMessageTermination(_MOST_MESSAGES)
    chat = RoundRobinGroupChat([assistant, critic], termination_condition=ends)
    result = await chat.run(task=prompt.user)
    answers = [one for one in result.messages if isinstance(one, TextMessage) and one.source == "assistant"]
    return answers[-1].content


def _said(message: LLMMessage) -> Said:
    who = "system" if isinstance(message, SystemMessage) else "user"
    return ("assistant" if isinstance(message, AssistantMessage) else who), str(message.content)
