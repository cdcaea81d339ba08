"""Silence: which signals nobody wants to hear of now, and where maintenance freezes effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from opsagent.domain.freeze import Freeze
from opsagent.domain.silence import MaintenanceWindow, Silence
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.ports.calendar import Calendar
from opsagent.ports.clock import Clock
from opsagent.ports.control import ControlStore
from opsagent.ports.timetable import SilenceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSilence:
    """Asks the store anew each time: a silence set in another process holds at once."""

    silences: SilenceStore
    calendar: Calendar
    clock: Clock

    async def __call__(self, tenant: str, signals: Sequence[Signal]) -> Sequence[str]:
        """For each signal the words of who silenced it, empty for the others. StoreUnavailable.

        A signal that says "it is over" is never silenced.
        """
        if not any(signal.status is SignalStatus.FIRING for signal in signals):
            return [""] * len(signals)
        now = self.clock.now()
        live = [one for one in await self.silences.list(tenant) if one.starts_at <= now]
        for window in await self.silences.windows(tenant):
            open_from = opened(window, self.calendar, now)
            if open_from is not None and window.matchers:
                live.append(window.silence(open_from, open_from + window.duration_s))
        return [_words(signal, live, now) for signal in signals]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFreezes:
    """The freezes people set, and those of the maintenance windows that are open."""

    control: ControlStore
    silences: SilenceStore
    calendar: Calendar
    clock: Clock

    async def __call__(self, tenant: str) -> Sequence[Freeze]:
        """What may freeze an effect now. StoreUnavailable."""
        now, found = self.clock.now(), [*await self.control.freezes(tenant)]
        for window in await self.silences.windows(tenant):
            start = opened(window, self.calendar, now) if window.freeze else None
            if start is not None:
                found.append(_freeze(window, start))
        return found


def opened(window: MaintenanceWindow, calendar: Calendar, now: float) -> float | None:
    """When the window that is open now was opened (the last time, where they overlap); None when it is closed."""
    if not window.enabled:
        return None
    found = calendar.after(window.timing, now - window.duration_s)
    start: float | None = None
    while found is not None and found <= now:
        start, found = found, calendar.after(window.timing, found)
    return start


def _words(signal: Signal, live: Sequence[Silence], now: float) -> str:
    if signal.status is not SignalStatus.FIRING:
        return ""
    holding = [silence for silence in live if silence.holds(signal, now)]
    if not holding:
        return ""
    last = max(holding, key=lambda silence: silence.ends_at)
    until = datetime.fromtimestamp(last.ends_at, UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
    return f"silenced by {last.by} until {until}: {last.comment} ({last.id})"


def _freeze(window: MaintenanceWindow, start: float) -> Freeze:
    return Freeze(
        id=window.id,
        tenant=window.tenant,
        starts_at=start,
        ends_at=start + window.duration_s,
        reason=f"maintenance window {window.name}" + (f": {window.comment}" if window.comment else ""),
        by=window.by,
        environments=window.environments,
        connections=window.connections,
        labels=window.labels,
    )
