"""From noun to wire, continued: schedules, silences and maintenance windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from opsagent.domain.schedule import Schedule
from opsagent.domain.silence import MaintenanceWindow, Silence
from opsagent.loop.timetable import Timetable
from opsagent.web import timetable_wire as wire
from opsagent.web.views import iso, iso_or_none


def schedule_json(schedule: Schedule) -> wire.ScheduleJson:
    """A schedule, and where it stands."""
    timing = schedule.timing
    return {
        "scheduleId": schedule.id,
        "name": schedule.name,
        "cron": timing.cron,
        "everySeconds": timing.every_s,
        "timezone": timing.timezone,
        "startsAt": iso_or_none(timing.starts_at),
        "endsAt": iso_or_none(timing.ends_at),
        "taskDescription": schedule.text,
        "runbookId": schedule.runbook_id,
        "connection": schedule.connection,
        "parameters": dict(schedule.parameters),
        "mode": schedule.mode.value,
        "priority": schedule.priority.value,
        "enabled": schedule.enabled,
        "overlap": schedule.overlap.value,
        "missed": schedule.missed.value,
        "nextAt": iso_or_none(schedule.next_at),
        "waitingSince": iso_or_none(schedule.queued_at),
        "lastAt": iso_or_none(schedule.last_at),
        "lastRunId": schedule.last_run_id or None,
        "madeBy": schedule.made_by,
        "version": schedule.version,
        "createdAt": iso_or_none(schedule.created_at),
        "updatedAt": iso_or_none(schedule.updated_at),
    }


def next_json(schedule: Schedule, firings: Sequence[float]) -> wire.NextFirings:
    """When it fires."""
    zone = ZoneInfo(schedule.timing.timezone)
    return {
        "name": schedule.name,
        "enabled": schedule.enabled,
        "timezone": schedule.timing.timezone,
        "next": [iso(at) for at in firings],
        "local": [datetime.fromtimestamp(at, zone).isoformat(timespec="minutes") for at in firings],
    }


def silence_json(silence: Silence, now: float) -> wire.SilenceJson:
    """A silence."""
    return {
        "silenceId": silence.id,
        "matchers": [str(one) for one in silence.matchers],
        "startsAt": iso(silence.starts_at),
        "endsAt": iso(silence.ends_at),
        "comment": silence.comment,
        "by": silence.by,
        "active": silence.starts_at <= now < silence.ends_at,
    }


def window_json(window: MaintenanceWindow, timetable: Timetable) -> wire.WindowJson:
    """A maintenance window, and whether it is open."""
    timing, since = window.timing, timetable.open_since(window)
    return {
        "windowId": window.id,
        "name": window.name,
        "cron": timing.cron,
        "everySeconds": timing.every_s,
        "timezone": timing.timezone,
        "startsAt": iso_or_none(timing.starts_at),
        "endsAt": iso_or_none(timing.ends_at),
        "durationSeconds": window.duration_s,
        "matchers": [str(one) for one in window.matchers],
        "comment": window.comment,
        "enabled": window.enabled,
        "freeze": window.freeze,
        "environments": list(window.environments),
        "connections": list(window.connections),
        "labels": dict(window.labels),
        "openUntil": None if since is None else iso(since + window.duration_s),
        "opensAt": iso_or_none(timetable.opens_next(window)),
        "by": window.by,
        "version": window.version,
        "createdAt": iso_or_none(window.created_at),
        "updatedAt": iso_or_none(window.updated_at),
    }
