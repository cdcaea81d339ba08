"""A conversation of the chat: what its person said, what was answered, and which runs came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from opsagent.domain.run import Usage

KEPT_S = 30 * 24 * 3600  # a conversation nobody has added to for so long is deleted, like ended runs (DA-5)
MAX_LINES = 1000  # of one conversation; then a new one has to be begun
MEMORY_LINES = 20
MEMORY_CHARS = 6000
MAX_TITLE_CHARS = 80


class LineKind(StrEnum):
    """What a line is. Only a message is a person's; it asks, and decides nothing whatever it says."""

    MESSAGE = "message"
    ANSWER = "answer"
    OFFER = "offer"  # names a runbook; nothing was started, and only the explicit action starts it
    RUN = "run"  # a run was started, whose own timeline tells the rest


class CitedKind(StrEnum):
    """What an answer was made from."""

    RUNBOOK = "runbook"
    RUN = "run"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """One thing an answer was made from, so that whoever reads it can look for themselves."""

    kind: CitedKind
    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, numbered from 1 by the store. `text` is outside data, also where a model wrote it.

    `of` is the number of the line this one replies to; `cited` is what it was made from. `runbook_id` is what an offer
    names. `looks` says of a run that it may only look. `by` is the model that answered, and `usage` what that cost.
    """

    tenant: str
    conversation_id: str
    kind: LineKind
    text: str
    at: float
    number: int = 0
    of: int = 0
    run_id: str = ""
    runbook_id: str = ""
    looks: bool = False
    by: str = ""
    usage: Usage = field(default_factory=Usage)
    cited: tuple[Cited, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The lines of one person, `owner` by principal id. Times are epoch seconds; `lines` is the newest number."""

    id: str
    tenant: str
    owner: str
    created_at: float
    updated_at: float
    title: str = ""
    lines: int = 0


def memory(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The newest whole lines within MEMORY_LINES and MEMORY_CHARS, in order: what a model is reminded of."""
    kept: list[Line] = []
    room = MEMORY_CHARS
    for line in reversed(lines[-MEMORY_LINES:]):
        room -= len(line.text)
        if room < 0:
            break
        kept.append(line)
    return tuple(reversed(kept))
