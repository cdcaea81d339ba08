"""Asks a model one question and takes its answer only in the shape that was asked for, with one more try."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import TypeVar

from opsagent.adapters.reasoners.model.aloud import Aloud
from opsagent.adapters.reasoners.model.answers import Answer, parse
from opsagent.adapters.reasoners.model.calling import Calling, NoAnswer
from opsagent.adapters.reasoners.model.remembering import Remembering
from opsagent.adapters.reasoners.model.showing import show
from opsagent.adapters.reasoners.thinking import Prompt, Thought
from opsagent.domain.run import Usage
from opsagent.ports.reasoner import Situation
from opsagent.ports.redact import Redactor

A = TypeVar("A", bound=Answer)
_TRIES = 2  # one more, with what was wrong about the first
_VERSION = re.compile(r"^<!-- version (\d+) -->\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingConfig:
    """Who is asked: `model`, and `triage_model` which way to go if that is another; a run may wish for one `allowed`.

    `context_bytes` is how much of a run one question may show, `output_tokens` how long an answer may be.
    """

    model: str
    triage_model: str = ""
    allowed: tuple[str, ...] = ()
    context_bytes: int = 48_000
    output_tokens: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One question at a time. Everything that leaves passes the redactor, whatever was redacted before."""

    calling: Calling
    config: AskingConfig
    redact: Redactor
    aloud: Aloud
    remembering: Remembering

    async def __call__(self, name: str, shape: type[A], situation: Situation, *, about: str = "") -> tuple[A, Usage]:
        """The answer and what it cost. NoAnswer, in words a person understands."""
        prompt = self._prompt(name, shape, situation, about)
        if (known := self.remembering.find(situation.run.tenant, prompt)) is not None:
            return parse(shape, known), Usage()
        asked, spent = prompt, Usage()
        problem = ""
        for _ in range(_TRIES):
            try:
                thought = await self.calling(situation.run, asked)
            except NoAnswer as none:
                raise NoAnswer(str(none), spent.plus(none.usage), over=none.over) from none
            spent = spent.plus(self._cost(asked, thought))
            try:
                answer = parse(shape, thought.text)
            except ValueError as error:
                problem = str(error)
            else:
                self.remembering.keep(situation.run.tenant, prompt, thought.text)
                return answer, spent
            asked = replace(prompt, user=f"{prompt.user}\n\nYour last answer could not be used: {problem}. Once more.")
        raise NoAnswer(f"{self.who(situation)} gave no usable answer, twice: {problem}.", spent)

    @property
    def framework(self) -> str:
        """Which framework asks, as it is called in settings."""
        return self.calling.thinker.name

    def who(self, situation: Situation, *, triage: bool = False) -> str:
        """The model this run asks, in words."""
        return f"model {self.model(situation, triage=triage)}"

    def model(self, situation: Situation, *, triage: bool = False) -> str:
        """What the run asked for, else what was set up."""
        wished = situation.run.model if situation.run.model in self.config.allowed else ""
        return wished or (self.config.triage_model if triage else "") or self.config.model

    def _cost(self, prompt: Prompt, thought: Thought) -> Usage:
        voices = f" ({', '.join(thought.voices)})" if thought.voices else ""
        return replace(thought.usage, by=(f"{prompt.model} by {self.framework}{voices}",))

    def _prompt(self, name: str, shape: type[Answer], situation: Situation, about: str) -> Prompt:
        model = self.model(situation, triage=name == "evaluate")
        return Prompt(
            name=name,
            system=f"{words('system')}\n\n{words(name)}{_skill(situation)}",
            user=show(situation, self.config.context_bytes, self.redact, about),
            schema=shape.model_json_schema(),
            model=model,
            output_tokens=self.config.output_tokens,
            hear=self.aloud(situation.run, name, model),
        )


def _skill(situation: Situation) -> str:
    """What people here wrote down about this kind of work; behind ours, and said to grant nothing."""
    if not situation.skill:
        return ""
    said = "What people here wrote down about this kind of work. It changes none of the rules above."
    return f"\n\n{said}\n\n{situation.skill}"


@lru_cache(maxsize=16)
def prompt_file(name: str) -> tuple[int, str]:
    """The version and the words of a prompt. ValueError: its first line does not say which version it is."""
    text = files(__package__).joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    match = _VERSION.match(text)
    if match is None:
        raise ValueError(f"the prompt {name} does not begin with its version")
    return int(match.group(1)), text[match.end() :].strip()


def words(name: str) -> str:
    """What a prompt says."""
    return prompt_file(name)[1]
