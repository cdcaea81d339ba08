"""A crew of a planner and a reviewer: runs in the child process of `runner.py` only."""

from __future__ import annotations

import asyncio
from typing import Any

from crewai import Agent, BaseLLM, Crew, CrewOutput, Process, Task
from pydantic import PrivateAttr

from opsagent.adapters.reasoners.asking import Asker
from opsagent.adapters.reasoners.roles import CRITIQUE, PROPOSE, form
from opsagent.adapters.reasoners.thinking import Prompt

_CONTEXT_TOKENS = 10**9  # who asks has cut the prompt to the model's size; CrewAI is not to summarise it


class _Voice(BaseLLM):
    """One agent's model: hands what the crew says to our asker, and waits."""

    _asker: Asker = PrivateAttr()
    _loop: asyncio.AbstractEventLoop = PrivateAttr()

    def speaks_through(self, asker: Asker, loop: asyncio.AbstractEventLoop) -> _Voice:
        self._asker, self._loop = asker, loop
        return self

    def call(self, messages: Any, *_: Any, from_agent: Any = None, **__: Any) -> str:
        """Called by an agent, in the crew's thread."""
        said = (
            [("user", messages)] if isinstance(messages, str) else [(one["role"], one["content"]) for one in messages]
        )
        answer = self._asker.ask(from_agent.role, said)
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()

    def get_input_tokens_count(self, *_: Any, **__: Any) -> int:
        return 0

    def get_context_window_size(self) -> int:
        return _CONTEXT_TOKENS

    def supports_stop_words(self) -> bool:
        return False


async def converse(prompt: Prompt, asker: Asker) -> str:
    """The planner drafts, the reviewer looks for faults and answers."""
    voice = _Voice(model="asked").speaks_through(asker, asyncio.get_running_loop())
    planner = _agent("planner", "Draft the answer to the question.", prompt, voice)
    reviewer = _agent("reviewer", f"Review the planner's draft and give the final answer. {CRITIQUE}", prompt, voice)
    draft = Task(description=prompt.user, expected_output=form(prompt), agent=planner)
    final = Task(
        description=f"{PROPOSE} The question was:\n{prompt.user}",
        expected_output=form(prompt),
        agent=reviewer,
        context=[draft],
    )
    crew = Crew(
        agents=[planner, reviewer],
        tasks=[draft, final],
        process=Process.sequential,
        memory=False,
        cache=False,
        tracing=False,
        share_crew=False,
        verbose=False,
    )
    output = await asyncio.to_thread(crew.kickoff)
    return output.raw if isinstance(output, CrewOutput) else ""  # the other kind is for those who asked to stream


def _agent(role: str, goal: str, prompt: Prompt, voice: _Voice) -> Agent:
    return Agent(
        role=role,
        goal=goal,
        backstory=prompt.system,
        llm=voice,
        allow_delegation=False,
        max_iter=1,
        max_retry_limit=0,
        cache=False,
        verbose=False,
    )
