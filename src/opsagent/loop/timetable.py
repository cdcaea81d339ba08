"""The door to everything that goes by the clock: schedules, silences, maintenance windows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.identity import Principal
from opsagent.domain.run import Run, Source
from opsagent.domain.schedule import Schedule, Timing
from opsagent.domain.silence import MaintenanceWindow, Silence, check_matchers
from opsagent.domain.trigger import MAX_TASK_CHARS, Trigger
from opsagent.errors import InputError
from opsagent.ports.calendar import Calendar
from opsagent.ports.clock import Clock
from opsagent.ports.stores import IdempotencyKey, Stores
from opsagent.stages.silence import opened

MAX_DURATION_S = 7 * 24 * 3600  # of a maintenance window; what lasts longer is a silence
MAX_FIRINGS_IN_WINDOW = 100  # `opened` walks them for every signal
MAX_NEXT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """Callers have checked the permission of their route. `submit` is the agent's."""

    stores: Stores
    calendar: Calendar
    clock: Clock
    submit: Callable[..., Awaitable[Run]]

    async def put(self, principal: Principal, schedule: Schedule) -> Schedule:
        """Store a schedule as asked; its next firing lies after now. InputError, NotFound (runbook, connection)."""
        if not schedule.text.strip() or len(schedule.text) > MAX_TASK_CHARS:
            raise InputError(
                "A schedule needs a task that can be taken.", fix=f"Write 1 to {MAX_TASK_CHARS} characters."
            )
        timing = self._anchored(schedule.timing)
        self.calendar.check(timing)
        if schedule.runbook_id:
            await self.stores.runbooks.get(schedule.tenant, schedule.runbook_id)
        if schedule.connection:
            await self.stores.connections.get(schedule.tenant, schedule.connection)
        return await self._store(principal, replace(schedule, timing=timing), "schedule.put")

    async def switch(self, principal: Principal, name: str, *, on: bool) -> Schedule:
        """Pause a schedule, or let it go on; what it would have started meanwhile is not made up for. NotFound."""
        schedule = await self.stores.schedules.get(principal.tenant, name)
        if schedule.enabled == on:
            return schedule
        word = "schedule.resumed" if on else "schedule.paused"
        return await self._store(principal, replace(schedule, enabled=on), word)

    def next(self, schedule: Schedule, count: int) -> Sequence[float]:
        """The next firings, as if it were not paused."""
        found: list[float] = []
        at: float | None = self.clock.now()
        while at is not None and len(found) < min(count, MAX_NEXT):
            at = self.calendar.after(schedule.timing, at)
            found += [] if at is None else [at]
        return found

    async def run_now(self, principal: Principal, name: str, *, key: IdempotencyKey | None = None) -> Run:
        """Start what it asks for, besides its firings and whether or not it is paused. NotFound, Disabled."""
        schedule = await self.stores.schedules.get(principal.tenant, name)
        trigger = Trigger(
            tenant=schedule.tenant,
            source=Source.SCHEDULE,
            text=schedule.text,
            requested_by=principal.id,
            mode=schedule.mode,
            priority=schedule.priority,
            runbook_id=schedule.runbook_id,
            connection=schedule.connection,
            parameters=schedule.parameters,
            details={"schedule": schedule.name, "startedBy": principal.id},
        )
        return await self.submit(trigger, key=key)

    async def silence(self, silence: Silence) -> Silence:
        """Start no run for these signals meanwhile. InputError."""
        check_matchers(silence.matchers)
        if not silence.comment.strip():
            raise InputError("A silence needs a comment.", fix="Say why, for whoever meets it in the night.")
        await self.stores.silences.put(silence)
        return silence

    async def put_window(self, principal: Principal, window: MaintenanceWindow) -> MaintenanceWindow:
        """Store a maintenance window. InputError."""
        timing = self._anchored(window.timing)
        self.calendar.check(timing)
        if not 60 <= window.duration_s <= MAX_DURATION_S:
            raise InputError("A window lasts from a minute to seven days.", fix="Give its length as 30m, 4h or 2d.")
        if window.matchers:
            check_matchers(window.matchers)
        elif not window.freeze:
            raise InputError("The window would do nothing.", fix="Give matchers, or let it freeze effects.")
        if not window.freeze and (window.environments or window.connections or window.labels):
            raise InputError("It names targets and freezes nothing.", fix="Set freeze, or leave the targets out.")
        self._check_often(replace(window, timing=timing))
        return await self.stores.silences.put_window(replace(window, timing=timing), principal.id)

    def open_since(self, window: MaintenanceWindow) -> float | None:
        """When the window that is open now was opened; None when it is closed."""
        return opened(window, self.calendar, self.clock.now())

    def opens_next(self, window: MaintenanceWindow) -> float | None:
        """When it opens next; None when it does not."""
        return self.calendar.after(window.timing, self.clock.now()) if window.enabled else None

    def _check_often(self, window: MaintenanceWindow) -> None:
        start = max(self.clock.now(), window.timing.starts_at or 0.0)
        at: float | None = start
        for _ in range(MAX_FIRINGS_IN_WINDOW):
            at = None if at is None else self.calendar.after(window.timing, at)
            if at is None or at > start + window.duration_s:
                return
        raise InputError("The window opens too often for its length.", fix="Let it open less often.")

    async def _store(self, principal: Principal, schedule: Schedule, action: str) -> Schedule:
        at = self.calendar.after(schedule.timing, self.clock.now()) if schedule.enabled else None
        return await self.stores.schedules.put(replace(schedule, next_at=at), principal.id, action=action)

    def _anchored(self, timing: Timing) -> Timing:
        """An interval counts from its start: from now, where none is given."""
        counts = timing.every_s and timing.starts_at is None
        return replace(timing, starts_at=float(int(self.clock.now()))) if counts else timing
