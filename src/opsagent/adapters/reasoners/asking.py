"""Asks one chat model for the voices of one question, and sums what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opsagent.adapters.reasoners.chat_models import ModelConfig, chat_model
from opsagent.adapters.reasoners.failures import model_error
from opsagent.adapters.reasoners.thinking import Thought
from opsagent.domain.run import Usage
from opsagent.errors import ModelError, ModelRefused, ModelUnavailable

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk

Said = tuple[str, str]  # who (system, user, assistant) and what
_DECLINED = frozenset({"refusal", "content_filter", "content_filtered", "guardrail_intervened"})


class Asker:
    """One question's calls. `voices` and `usage` grow with each answer; a failed call says the sum so far."""

    def __init__(self, config: ModelConfig, *, output_tokens: int, hear: Callable[[str], None] | None = None) -> None:
        self._config = config
        self._hear = hear
        self._chat = chat_model(config, output_tokens=output_tokens)
        self.voices: list[str] = []
        self.usage = Usage()

    async def ask(self, voice: str, messages: Sequence[Said]) -> str:
        """The words of one answer. ModelUnavailable and ModelRefused, with what all calls cost until then."""
        from langsmith import tracing_context

        try:
            with tracing_context(enabled=False):
                async with asyncio.timeout(self._config.timeout_s):
                    answer = await self._answer(list(messages))
        except TimeoutError:
            raise self._summed(
                ModelUnavailable(
                    f"The model gave no answer within {self._config.timeout_s:g} s.", fix="It is tried again later."
                )
            ) from None
        except Exception as error:  # noqa: BLE001 - whatever a provider's library raises, we say in our words
            raise self._summed(model_error(error, key=self._config.key)) from None
        self.voices.append(voice)
        self._count(answer)
        if declined := _refusal(answer):
            raise self._summed(ModelRefused(f"The model declined: {declined}", fix="Ask it differently, or by hand."))
        return str(answer.text)

    def thought(self, text: str) -> Thought:
        """The answer of them all."""
        return Thought(text=text, usage=self.usage, voices=tuple(self.voices))

    async def _answer(self, messages: list[Said]) -> AIMessage:
        """Whole; or piece by piece, where somebody listens."""
        if self._hear is None:
            return await self._chat.ainvoke(messages)
        so_far: AIMessageChunk | None = None
        async for piece in self._chat.astream(messages):
            so_far = piece if so_far is None else so_far + piece
            self._hear(str(so_far.text))
        if so_far is None:
            raise ModelUnavailable("The model ended without an answer.", fix="It is tried again later.")
        return so_far

    def _count(self, answer: AIMessage) -> None:
        spent = answer.usage_metadata or {"input_tokens": 0, "output_tokens": 0}
        self.usage = self.usage.plus(
            Usage(input_tokens=spent["input_tokens"], output_tokens=spent["output_tokens"], calls=1)
        )

    def _summed(self, error: ModelError) -> ModelError:
        error.input_tokens, error.output_tokens = self.usage.input_tokens, self.usage.output_tokens
        return error


def _refusal(answer: AIMessage) -> str:
    """The words of a refusal; empty when it is an answer."""
    told: dict[str, Any] = answer.response_metadata
    if refusal := answer.additional_kwargs.get("refusal"):
        return str(refusal)
    reason = next((told[name] for name in ("finish_reason", "stop_reason", "stopReason") if told.get(name)), "")
    return str(answer.text) or str(reason) if reason in _DECLINED else ""
