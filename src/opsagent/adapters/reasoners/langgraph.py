"""A small graph that thinks, looks for faults in its own draft, and proposes: three calls, in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from opsagent.adapters.reasoners.asking import Asker, Said
from opsagent.adapters.reasoners.chat_models import ModelConfig
from opsagent.adapters.reasoners.roles import CRITIQUE, PROPOSE, THINK, form
from opsagent.adapters.reasoners.thinking import Prompt, Thought


@dataclass(frozen=True)
class _Context:
    asker: Asker


class _State(TypedDict, total=False):
    prompt: Prompt
    draft: str
    faults: str
    answer: str


class LangGraphThinker:
    """Draft, critique, answer, each a node of a graph without a checkpointer."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        graph = StateGraph(_State, context_schema=_Context)
        graph.add_node("think", _think)
        graph.add_node("critique", _critique)
        graph.add_node("propose", _propose)
        graph.add_edge(START, "think")
        graph.add_edge("think", "critique")
        graph.add_edge("critique", "propose")
        graph.add_edge("propose", END)
        self._graph = graph.compile()

    @property
    def name(self) -> str:
        """How it is called in settings."""
        return "langgraph"

    async def think(self, prompt: Prompt) -> Thought:
        """Three calls, one answer."""
        config = replace(self._config, model=prompt.model or self._config.model)
        asker = Asker(config, output_tokens=prompt.output_tokens, hear=prompt.hear)
        state = await self._graph.ainvoke({"prompt": prompt}, context=_Context(asker))
        return asker.thought(state["answer"])


async def _think(state: _State, runtime: Runtime[_Context]) -> _State:
    return {"draft": await runtime.context.asker.ask("think", _told(state, THINK))}


async def _critique(state: _State, runtime: Runtime[_Context]) -> _State:
    return {
        "faults": await runtime.context.asker.ask("critique", _told(state, CRITIQUE, f"The draft:\n{state['draft']}"))
    }


async def _propose(state: _State, runtime: Runtime[_Context]) -> _State:
    notes = f"The draft:\n{state['draft']}", f"The faults found in it:\n{state['faults']}"
    return {
        "answer": await runtime.context.asker.ask("propose", _told(state, f"{PROPOSE} {form(state['prompt'])}", *notes))
    }


def _told(state: _State, part: str, *notes: str) -> list[Said]:
    prompt = state["prompt"]
    return [("system", f"{prompt.system}\n\n{part}"), ("user", "\n\n".join((prompt.user, *notes)))]
