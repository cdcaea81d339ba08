"""How a framework is asked for one typed answer: the seam every reasoner with a model stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.run import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One question to a model. `name` says which (`evaluate`, `propose` ...), `schema` is the answer's JSON schema.

    `system` is ours alone; everything from outside stands in `user`, fenced and labelled as data. `model` is what this
    run asked for, such as `anthropic:claude-opus-5`; empty means what the thinker was made with. `hear` is told, again
    and again, the text of the call under way so far; a thinker that cannot leaves it alone.
    """

    name: str
    system: str
    user: str
    schema: Mapping[str, object]
    model: str = ""
    output_tokens: int = 4096
    hear: Callable[[str], None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """What came back, as text that should be JSON of the schema, and what all calls behind it cost together.

    `voices` names who took part, in order: `planner`, `reviewer`.
    """

    text: str
    usage: Usage = field(default_factory=Usage)
    voices: tuple[str, ...] = ()


class Thinker(Protocol):
    """Asks one framework once. It keeps no state between questions, runs no tools, and can be cancelled."""

    @property
    def name(self) -> str:
        """How it is called in settings: langchain, langgraph, crewai, autogen."""
        ...

    async def think(self, prompt: Prompt) -> Thought:
        """One answer. ModelUnavailable (may be tried again), ModelRefused (may not); both say what it cost so far."""
        ...
