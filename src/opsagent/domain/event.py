"""Lines of a run's timeline, and lines of the audit record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CONTENT_CAP_BYTES = 10 * 1024  # DA-6: content and tool output, each


class EventType(StrEnum):
    """What a line of the timeline is about: the eight types of DA-2, and three of ours."""

    PLANNING = "planning"
    EXECUTION = "execution"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    REFLECTION = "reflection"
    REVISION = "revision"
    FINAL = "final"
    ERROR = "error"
    TRIAGE = "triage"
    APPROVAL = "approval"
    NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One line. `sequence` is unique and grows within the run; it is 0 until the store has numbered it."""

    run_id: str
    tenant: str
    type: EventType
    node: str
    content: str = ""
    tool_name: str = ""
    tool_args: Mapping[str, str] = field(default_factory=dict)
    tool_output: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    artifact: str = ""
    created_at: float = 0.0
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what. The store numbers it per tenant and chains it: `hash` covers the entry and the one before."""

    tenant: str
    at: float
    actor: str
    action: str
    run_id: str = ""
    step_id: str = ""
    digest: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    sequence: int = 0
    previous: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """What a check of a tenant's record found: how many entries hold, its head, and what is wrong in words.

    `head` is `<sequence>:<hash>` of the last entry. Kept elsewhere, it proves later that nothing before it was cut off
    or rewritten.
    """

    entries: int
    head: str
    trouble: str = ""


def cap(text: str, limit: int = CONTENT_CAP_BYTES) -> str:
    """`text` in at most `limit` bytes of UTF-8: head and tail, with the cut said in between."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return text
    notice = f"\n[... {len(raw) - limit} bytes or more cut ...]\n"
    room = limit - len(notice.encode())
    head, tail = raw[: room * 2 // 3], raw[-(room - room * 2 // 3) :]
    return head.decode("utf-8", "ignore") + notice + tail.decode("utf-8", "ignore")
