"""Reads what a message of the chat asks for. It decides nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from opsagent.domain.conversation import Line
from opsagent.domain.run import Usage
from opsagent.domain.runbook import Runbook


class Asks(StrEnum):
    """What a message asks for."""

    ANSWER = "answer"  # a question that what is known answers
    CLARIFY = "clarify"  # it cannot be told yet
    LOOK = "look"  # a question that needs a look at the world
    TASK = "task"  # something is to be done


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A message with what is known about it: earlier lines, runbooks a search found, runs and tickets in words."""

    conversation_id: str
    tenant: str
    text: str
    asked_by: str
    at: float
    memory: Sequence[Line] = ()
    runbooks: Sequence[Runbook] = ()
    facts: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the message asks for, and the words to answer with.

    `runbook_id` is one of those found, or nothing. `ok` is False where no answer was to be had; `text` then says why.
    """

    asks: Asks
    text: str
    runbook_id: str = ""
    ok: bool = True
    by: str = ""
    usage: Usage = field(default_factory=Usage)


class Answerer(Protocol):
    """A model behind the chat."""

    async def reply(self, question: Question) -> Reply:
        """Never raises for a model's sake: a model that gives no answer is an answer with `ok` False."""
        ...
