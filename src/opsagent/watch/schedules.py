"""Starts what schedules ask for, each firing once, whoever dies in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from opsagent.domain.event import AuditEntry
from opsagent.domain.run import Run, Source
from opsagent.domain.schedule import LATE_AFTER_S, Missed, Overlap, Schedule
from opsagent.domain.trigger import Trigger
from opsagent.errors import NotFound, OpsAgentError
from opsagent.ports.calendar import Calendar
from opsagent.ports.clock import Clock
from opsagent.ports.stores import IdempotencyKey, RunStore
from opsagent.ports.timetable import ScheduleStore

log = logging.getLogger(__name__)
COUNTED = 1000  # missed firings are counted up to here: more is said as "1000 or more"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerConfig:
    """Seconds: how often it looks, and how long a claim holds before somebody else may take the firing."""

    poll_s: float = 1.0
    lock_s: float = 30.0
    at_once: int = 20


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """Looks for firings that are due. `submit` is the agent's door.

    The claim keeps two processes apart. What makes a firing start once is its idempotency key: the run is stored under
    it before the firing is settled, so a crash in between starts nothing twice and loses nothing.
    """

    schedules: ScheduleStore
    runs: RunStore
    calendar: Calendar
    clock: Clock
    submit: Callable[[Trigger, IdempotencyKey], Awaitable[Run]]
    config: SchedulerConfig = field(default_factory=SchedulerConfig)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def run(self) -> None:
        """Until stopped. A store that fails is tried again."""
        while not self._stopped.is_set():
            try:
                found = await self.run_once()
            except OpsAgentError as problem:
                log.warning("The schedules cannot be read: %s %s", problem.message, problem.fix)
                found = 0
            if found < self.config.at_once:
                await self._pause()

    async def run_once(self) -> int:
        """Deal with what is due now; how many firings were looked at. StoreUnavailable."""
        due = await self.schedules.take(self.config.at_once, self.config.lock_s)
        for schedule in due:
            try:
                await self._fire(schedule)
            except OpsAgentError as problem:
                # Its claim runs out and it is tried again, under the same key.
                log.warning("Schedule %s could not be started: %s", schedule.name, problem.message)
        return len(due)

    async def _fire(self, schedule: Schedule) -> None:
        now, due = self.clock.now(), schedule.due_at
        if due is None:
            return
        following, missed = self._missed(schedule, due, now)
        late = schedule.queued_at is None and (schedule.taken_at or now) - due > LATE_AFTER_S
        if late and schedule.missed is Missed.SKIP:
            detail = {"missed": _count(missed + 1), "why": "nobody was there to see it, and the rule is skip"}
            await self._settle(schedule, schedule.settled(next_at=following), "missed", detail)
        elif open_run := await self._open_run(schedule):
            await self._overlap(schedule, due, following, open_run)
        else:
            await self._start(schedule, due, following, missed, late=late)

    async def _start(self, schedule: Schedule, due: float, following: float | None, missed: int, *, late: bool) -> None:
        told = {"schedule": schedule.name, "scheduledFor": _iso(due), "madeBy": schedule.made_by}
        if late:
            told["missed"] = _count(missed + 1)
            told["note"] = f"Started late: one run for {told['missed']} firing(s) that were missed."
        elif missed:
            told["skipped"] = _count(missed)
            told["note"] = f"{told['skipped']} later firing(s) passed before this one was started."
        trigger = Trigger(
            tenant=schedule.tenant,
            source=Source.SCHEDULE,
            text=schedule.text,
            requested_by=f"schedule:{schedule.name}",
            mode=schedule.mode,
            priority=schedule.priority,
            runbook_id=schedule.runbook_id,
            connection=schedule.connection,
            parameters=schedule.parameters,
            details=told,
        )
        key = IdempotencyKey(key=schedule.firing, request_sha256=sha256(schedule.firing.encode()).hexdigest())
        try:
            run = await self.submit(trigger, key)
        except OpsAgentError as problem:
            if problem.retryable or problem.status >= 500:
                raise
            detail = {"why": f"{problem.message} {problem.fix}".strip(), "missed": _count(missed)}
            await self._settle(schedule, schedule.settled(next_at=following), "failed", detail)
            return
        # One that waited leaves the next firing where it is, unless that has passed too.
        after = schedule.settled(next_at=following, run_id=run.id)
        await self._settle(schedule, after, "fired", told, run_id=run.id)

    async def _overlap(self, schedule: Schedule, due: float, following: float | None, open_run: Run) -> None:
        why = f"run {open_run.id} of {_iso(schedule.last_at or open_run.created_at)} is {open_run.status}"
        waits = schedule.queued_at is not None
        if waits and following == schedule.next_at:
            return  # it goes on waiting, until its claim runs out
        detail = {"why": f"{why}, and {'one waits already' if waits else f'the rule is {schedule.overlap.value}'}"}
        if schedule.overlap is Overlap.QUEUE:
            after = schedule.settled(next_at=following, queued_at=due)
            await self._settle(schedule, after, "skipped" if waits else "queued", detail)
        else:
            await self._settle(schedule, schedule.settled(next_at=following), "skipped", detail)

    async def _settle(
        self, before: Schedule, after: Schedule, word: str, detail: Mapping[str, str], *, run_id: str = ""
    ) -> None:
        entry = AuditEntry(
            tenant=before.tenant,
            at=self.clock.now(),
            actor=f"schedule:{before.name}",
            action=f"schedule.{word}",
            run_id=run_id,
            detail={"schedule": before.name, "scheduledFor": _iso(before.due_at or 0.0), **detail},
        )
        if not await self.schedules.settle(before, after, (entry,)):
            log.info("Schedule %s was changed, or dealt with by somebody else, meanwhile", before.name)

    async def _open_run(self, schedule: Schedule) -> Run | None:
        if not schedule.last_run_id:
            return None
        try:
            run = await self.runs.get(schedule.tenant, schedule.last_run_id)
        except NotFound:
            return None  # deleted long after its end
        return None if run.ended else run

    def _missed(self, schedule: Schedule, due: float, now: float) -> tuple[float | None, int]:
        """The next firing after now, and how many came after the one that is due."""
        following, passed = schedule.next_at, 0
        if schedule.queued_at is None:
            following = self.calendar.after(schedule.timing, due)
        while following is not None and following <= now and passed < COUNTED:
            following, passed = self.calendar.after(schedule.timing, following), passed + 1
        return (self.calendar.after(schedule.timing, now) if passed == COUNTED else following), passed

    async def _pause(self) -> None:
        """Until it is time to look again, or to stop."""
        waiting = {
            asyncio.ensure_future(self._stopped.wait()),
            asyncio.ensure_future(self.clock.sleep(self.config.poll_s)),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


def _count(number: int) -> str:
    return f"{COUNTED} or more" if number >= COUNTED else str(number)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
