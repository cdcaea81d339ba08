"""The shapes of schedules, silences and maintenance windows on the wire."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class ScheduleJson(TypedDict):
    """A schedule; `cron` or `everySeconds` is set. `waitingSince`: a firing that waits for the run before it."""

    scheduleId: str
    name: str
    cron: str
    everySeconds: int
    timezone: str
    startsAt: str | None
    endsAt: str | None
    taskDescription: str
    runbookId: str
    connection: str
    parameters: dict[str, str]
    mode: str
    priority: str
    enabled: bool
    overlap: str
    missed: str
    nextAt: str | None
    waitingSince: str | None
    lastAt: str | None
    lastRunId: str | None
    madeBy: str
    version: int
    createdAt: str | None
    updatedAt: str | None


class ScheduleList(TypedDict):
    """All of the tenant by name."""

    schedules: list[ScheduleJson]


class NextFirings(TypedDict):
    """The next firings, soonest first; `local` in the schedule's time zone."""

    name: str
    enabled: bool
    timezone: str
    next: list[str]
    local: list[str]


class SilenceJson(TypedDict):
    """Signals nobody is told of meanwhile; `active`: it has begun."""

    silenceId: str
    matchers: list[str]
    startsAt: str
    endsAt: str
    comment: str
    by: str
    active: bool


class SilenceList(TypedDict):
    """Those that have not ended."""

    silences: list[SilenceJson]


class WindowJson(TypedDict):
    """A maintenance window; `openUntil` while it is open, `opensAt` when it opens next."""

    windowId: str
    name: str
    cron: str
    everySeconds: int
    timezone: str
    startsAt: str | None
    endsAt: str | None
    durationSeconds: int
    matchers: list[str]
    comment: str
    enabled: bool
    freeze: bool
    environments: list[str]
    connections: list[str]
    labels: dict[str, str]
    openUntil: str | None
    opensAt: str | None
    by: str
    version: int
    createdAt: str | None
    updatedAt: str | None


class WindowList(TypedDict):
    """All of the tenant by name."""

    windows: list[WindowJson]
