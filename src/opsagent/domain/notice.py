"""One message to one channel, with its delivery state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoticeStatus(StrEnum):
    """Where a notice stands."""

    PENDING = "pending"
    SENDING = "sending"  # claimed by a sender; not confirmed
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; kept so that a person can send it again


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message on its way. `id` is its idempotency key; `body` is JSON text; times are epoch seconds."""

    id: str
    tenant: str
    channel: str
    address: str
    body: str
    created_at: float
    run_id: str = ""
    status: NoticeStatus = NoticeStatus.PENDING
    attempts: int = 0
    due_at: float = 0.0
    possible_repeat: bool = False
    last_error: str = ""
