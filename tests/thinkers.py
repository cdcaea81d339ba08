"""The frameworks that ask a model, made for tests, and questions about the processes they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from opsagent.adapters.reasoners.chat_models import ModelConfig
from opsagent.adapters.reasoners.child import ChildConfig, ChildThinker
from opsagent.adapters.reasoners.langchain import LangChainThinker
from opsagent.adapters.reasoners.langgraph import LangGraphThinker
from opsagent.adapters.reasoners.thinking import Prompt, Thinker
from servers.model import KEY, ScriptedModel


@dataclass(frozen=True)
class Framework:
    """One of them: how it is made, who speaks in it when all goes well, and whether it has a process of its own."""

    make: Callable[[ModelConfig], Thinker]
    voices: tuple[str, ...]
    child: bool


FRAMEWORKS: Mapping[str, Framework] = {
    "langchain": Framework(LangChainThinker, ("model",), child=False),
    "langgraph": Framework(LangGraphThinker, ("think", "critique", "propose"), child=False),
    "crewai": Framework(
        lambda model: ChildThinker(ChildConfig(framework="crewai", model=model)), ("planner", "reviewer"), child=True
    ),
    "autogen": Framework(
        lambda model: ChildThinker(ChildConfig(framework="autogen", model=model)),
        ("assistant", "critic", "assistant"),
        child=True,
    ),
}


def config(model: ScriptedModel, **changes: object) -> ModelConfig:
    """Asks the scripted model."""
    given = {"model": "openai:scripted", "base_url": model.url, "key": KEY, "timeout_s": 60.0} | changes
    return ModelConfig(**given)


def prompt(user: str = "The shop is down.", **changes: object) -> Prompt:
    """A question; its words hold what frameworks like to fill in."""
    schema = {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
        "additionalProperties": False,
    }
    given = {"name": "propose", "system": "You advise. {nothing} to fill in.", "user": user, "schema": schema} | changes
    return Prompt(**given)


def runners() -> list[psutil.Process]:
    """The children that answer questions of this process."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if any(word.startswith("opsagent.adapters.reasoners") for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found
