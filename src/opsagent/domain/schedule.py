"""Work that is started by the clock: when it fires, and what is done about firings that were missed or overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode

MIN_EVERY_S = 60  # as fine as cron
LATE_AFTER_S = 120.0  # a firing noticed later than this was missed: the loop looks every second


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Either `cron` (five fields, read in `timezone`) or every `every_s` seconds from `starts_at` on.

    `starts_at` and `ends_at` (epoch seconds) bound both; nothing fires at `ends_at` or after it.
    """

    cron: str = ""
    every_s: int = 0
    timezone: str = "UTC"
    starts_at: float | None = None
    ends_at: float | None = None


class Overlap(StrEnum):
    """What a firing does while the run of the one before it is open."""

    SKIP = "skip"  # nothing: the audit record says so
    QUEUE = "queue"  # one waits for the end of that run; more than one never wait


class Missed(StrEnum):
    """What is done about firings while nobody was there to see them."""

    RUN_ONCE = "run_once"  # one run stands for all of them
    SKIP = "skip"  # nothing: the audit record says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is asked for whenever `timing` fires. Times are epoch seconds; the name is the tenant's own.

    `made_by` is who last changed what it does: it asks for no more than they may. `next_at` is the next firing, None
    when there is none or it is not `enabled`. `queued_at` is the firing that waits for the run before it. `taken_at`
    is when the present firing was first noticed. The store moves these by `settle`, the rest by `put`.
    """

    id: str
    tenant: str
    name: str
    timing: Timing
    text: str
    runbook_id: str = ""
    connection: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.AUTO
    priority: Priority = Priority.MEDIUM
    enabled: bool = True
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.RUN_ONCE
    made_by: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    version: int = 1
    next_at: float | None = None
    queued_at: float | None = None
    taken_at: float | None = None
    last_at: float | None = None
    last_run_id: str = ""

    @property
    def due_at(self) -> float | None:
        """When somebody has to look at it next; None: never."""
        return self.next_at if self.queued_at is None else self.queued_at

    @property
    def firing(self) -> str:
        """The idempotency key of the firing that is due: whoever starts it, and however often, makes one run.

        A space in it keeps it apart from the keys of callers, which have none.
        """
        return f"schedule {self.id} {self.due_at}"

    def settled(self, *, next_at: float | None, run_id: str = "", queued_at: float | None = None) -> Schedule:
        """What is due was dealt with, by that run if one is named; or it waits as `queued_at`."""
        fired = self.due_at if run_id else self.last_at
        return replace(
            self,
            next_at=next_at,
            queued_at=queued_at,
            taken_at=None,
            last_at=fired,
            last_run_id=run_id or self.last_run_id,
        )
