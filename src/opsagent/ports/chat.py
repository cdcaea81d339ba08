"""A chat people work in: what it hands in, and how it is answered at once.

What it is told later goes by its channel (`ports/notify.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from opsagent.domain.approval import Approval
from opsagent.domain.message import Message
from opsagent.domain.notice import ReplyTo

Json = Mapping[str, object]


class Wish(StrEnum):
    """What a click asks for."""

    APPROVE = "approve"
    REFUSE = "refuse"
    SHOW = "show"  # the whole command
    LOOKING = "looking"  # who clicked is looking: nobody else needs to be told
    NOTHING = "nothing"  # a link was opened, or something that is not ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A command somebody typed. `text` is outside text, exactly as typed; `key` is the same for every delivery of it.

    `request_sha256` is over what it asks for. `reply_to` is where the chat lets it be answered.
    """

    workspace: str
    user: str
    text: str
    key: str
    request_sha256: str
    reply_to: tuple[ReplyTo, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """A click on a button of ours. `approval_id` and `digest`, or `escalation_id`, are those that were shown.

    `reply` and `trigger` are the chat's own handles: for an answer to who clicked, and for opening a window.
    """

    workspace: str
    user: str
    user_workspace: str
    wish: Wish
    approval_id: str = ""
    digest: str = ""
    escalation_id: str = ""
    reply: str = ""
    trigger: str = ""


class Chat(Protocol):
    """One brand. Nothing here decides anything: it reads, words and sends."""

    def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
        """Whether the chat itself signed it, lately (epoch seconds); False where no secret is set."""
        ...

    def heard(self, headers: Mapping[str, str], raw: bytes) -> Heard:
        """The command in a body that was verified. InputError."""
        ...

    def pressed(self, raw: bytes) -> Pressed:
        """The click in a body that was verified. InputError."""
        ...

    def is_check(self, raw: bytes) -> bool:
        """Whether a body, signed or not, only asks if somebody is there."""
        ...

    def accepted(self, run_id: str, task: str) -> Json:
        """What whoever typed the command reads at once."""
        ...

    def words(self, text: str) -> Json:
        """The same, for anything else there is to say; empty text says how to use it."""
        ...

    async def answer(self, pressed: Pressed, said: str | Message) -> None:
        """Tell who clicked (text), or change what was clicked on for everybody (a message). Best effort."""
        ...

    async def show(self, pressed: Pressed, approval: Approval) -> str:
        """Show the whole effect to who clicked; why that could not be done, else empty."""
        ...
