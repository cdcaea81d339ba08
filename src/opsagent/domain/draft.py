"""A draft: the runbook a resolved run suggests, which nobody finds or follows until a person has merged it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from opsagent.domain.run import Verified
from opsagent.errors import IllegalMove


class DraftStatus(StrEnum):
    """Where a draft stands; the last two are final."""

    OPEN = "open"
    MERGED = "merged"  # a person made it a runbook
    DISMISSED = "dismissed"  # a person did not want it


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One for each run. `text` is Markdown as docs/runbooks.md has it; `notes` are what a person should know first.

    `runbook_id` is the id it suggests, and once it is merged the one it was stored by. `connection` and `given` are
    the target and the values it worked with, for a dry run. Times are epoch seconds.
    """

    tenant: str
    run_id: str
    runbook_id: str
    title: str
    text: str
    verified: Verified
    created_at: float
    notes: tuple[str, ...] = ()
    connection: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    status: DraftStatus = DraftStatus.OPEN
    decided_at: float | None = None
    decided_by: str = ""

    def decide(self, status: DraftStatus, by: str, now: float, *, runbook_id: str = "") -> Draft:
        """Merged or dismissed by a person. IllegalMove when it was decided before."""
        if self.status is not DraftStatus.OPEN or status is DraftStatus.OPEN:
            said = f"The draft of run {self.run_id} was {self.status.value} by {self.decided_by} already."
            raise IllegalMove(said, fix="Change the runbook itself: it is stored.")
        return replace(self, status=status, decided_by=by, decided_at=now, runbook_id=runbook_id or self.runbook_id)
