"""The shapes of the chat on the wire."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class WaitingJson(TypedDict):
    """What a run asks people: the exact effect, its digest, and the path that answers it. No message does."""

    approvalId: str
    stepNumber: int
    command: str
    target: str
    digest: str
    answerAt: str


class LineRunJson(TypedDict):
    """The run of a line as it is now."""

    runId: str
    status: str
    result: str
    error: str
    waiting: list[WaitingJson]


class CitedJson(TypedDict):
    """What an answer was made from: a `runbook`, a `run` or a `ticket`, by id."""

    kind: str
    id: str
    title: str


class LineJson(TypedDict):
    """A line. `run` is null where it has none, or its run was deleted since; `sources` is what it was made from."""

    number: int
    kind: str
    text: str
    at: str
    of: int | None
    runbookId: str
    runId: str
    onlyLooks: bool
    by: str
    inputTokens: int
    outputTokens: int
    sources: list[CitedJson]
    run: LineRunJson | None


class ConversationJson(TypedDict):
    """A conversation without its lines; `lines` is the newest number."""

    conversationId: str
    title: str
    owner: str
    lines: int
    createdAt: str
    updatedAt: str


class ConversationList(TypedDict):
    """A page of conversations, newest first. `lastKey` is `nextCursor` under another name."""

    conversations: list[ConversationJson]
    nextCursor: str | None
    lastKey: str | None


class LineList(TypedDict):
    """A conversation and some of its lines; `nextAfter` leads to those that follow, null at the end."""

    conversation: ConversationJson
    lines: list[LineJson]
    nextAfter: int | None


class SaidJson(TypedDict):
    """A message, and what was replied."""

    message: LineJson
    reply: LineJson
