"""What is kept about time: schedules, silences and maintenance windows. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.event import AuditEntry
from opsagent.domain.schedule import Schedule
from opsagent.domain.silence import MaintenanceWindow, Silence
from opsagent.domain.ticket import Ticket


class ScheduleStore(Protocol):
    """Schedules by name, and who looks after the firing of one."""

    async def put(self, schedule: Schedule, by: str, *, action: str = "schedule.put") -> Schedule:
        """Store it with an audit entry; an existing name keeps its id, its past and its maker's time: version + 1.

        What was claimed or waited is let go: `next_at` is what is given.
        """
        ...

    async def get(self, tenant: str, name: str) -> Schedule:
        """By name. NotFound. A get by key."""
        ...

    async def list(self, tenant: str) -> Sequence[Schedule]:
        """All of a tenant by name. One key-range read."""
        ...

    async def delete(self, tenant: str, name: str, by: str) -> None:
        """Remove it, with an audit entry; its runs stay. NotFound."""
        ...

    async def take(self, limit: int, lock_s: float) -> Sequence[Schedule]:
        """Claim those that are due and that nobody has claimed within `lock_s`, the longest due first.

        `taken_at` is when the present firing was claimed for the first time: after a crash somebody else claims it
        again, and it is not late for that. An index read and a conditional write each.
        """
        ...

    async def settle(self, before: Schedule, after: Schedule, audit: Sequence[AuditEntry] = ()) -> bool:
        """Store what `Schedule.settled` says and let go, with the audit entries: if nobody else did, nor changed it.

        False, and nothing stored, else.
        """
        ...


class SilenceStore(Protocol):
    """Silences, and the maintenance windows that make them again and again."""

    async def put(self, silence: Silence) -> None:
        """Store a silence, with an audit entry. One with the same id is replaced."""
        ...

    async def list(self, tenant: str) -> Sequence[Silence]:
        """Those of the tenant that have not ended, by their start. One key-range read."""
        ...

    async def expire(self, tenant: str, silence_id: str, by: str) -> None:
        """End one now, with an audit entry. NotFound, also when it has ended."""
        ...

    async def hushed(self, limit: int, *, after: tuple[str, str] = ("", "")) -> Sequence[Ticket]:
        """Open tickets that still fire and whose newest firing signal was silenced, by (tenant, id) above `after`.

        Of every tenant: whoever looks for silences that have ended uses it. An index read.
        """
        ...

    async def put_window(self, window: MaintenanceWindow, by: str) -> MaintenanceWindow:
        """Store a maintenance window with an audit entry; an existing name keeps its id: version + 1."""
        ...

    async def windows(self, tenant: str) -> Sequence[MaintenanceWindow]:
        """All of the tenant by name. One key-range read."""
        ...

    async def delete_window(self, tenant: str, name: str, by: str) -> None:
        """Remove one, with an audit entry. NotFound."""
        ...
