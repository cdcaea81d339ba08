"""The local door, continued: schedules, silences, maintenance windows and escalations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opsagent.bootstrap import App
from opsagent.cli.local_catalogue import checked, connection_name
from opsagent.domain.identity import Principal
from opsagent.loop.timetable import Timetable
from opsagent.ports.stores import Stores
from opsagent.web import escalation_views, timetable_views, views

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTimetable:
    """Read and changed through the app built here; a server on the same store notices within a second."""

    app: App
    principal: Principal

    @property
    def _timetable(self) -> Timetable:
        return self.app.agent.timetable

    @property
    def _stores(self) -> Stores:
        return self.app.stores

    async def schedules(self) -> Sequence[Json]:
        """All by name."""
        found = await self._stores.schedules.list(self.principal.tenant)
        return [dict(timetable_views.schedule_json(one)) for one in found]

    async def schedule(self, name: str) -> Json:
        """One."""
        return dict(timetable_views.schedule_json(await self._stores.schedules.get(self.principal.tenant, name)))

    async def put_schedule(self, name: str, fields: Json) -> Json:
        """Make or change one."""
        from opsagent.web.schedules import NewSchedule

        asked = checked(NewSchedule, fields).schedule(self.principal.tenant, connection_name(name))
        return dict(timetable_views.schedule_json(await self._timetable.put(self.principal, asked)))

    async def next_firings(self, name: str, count: int) -> Json:
        """When it fires."""
        schedule = await self._stores.schedules.get(self.principal.tenant, name)
        return dict(timetable_views.next_json(schedule, self._timetable.next(schedule, count)))

    async def act(self, name: str, what: str) -> Json:
        """Pause, resume or run it."""
        if what == "run":
            return dict(views.accepted(await self._timetable.run_now(self.principal, name)))
        switched = await self._timetable.switch(self.principal, name, on=what == "resume")
        return dict(timetable_views.schedule_json(switched))

    async def remove_schedule(self, name: str) -> None:
        """Remove one."""
        await self._stores.schedules.delete(self.principal.tenant, name, self.principal.id)

    async def silences(self) -> Sequence[Json]:
        """Those that have not ended."""
        now = self.app.clock.now()
        found = await self._stores.silences.list(self.principal.tenant)
        return [dict(timetable_views.silence_json(one, now)) for one in found]

    async def silence(self, fields: Json) -> Json:
        """Set one."""
        from opsagent.web.silences import NewSilence

        now = self.app.clock.now()
        body = checked(NewSilence, fields)
        asked = body.silence(self.app.ids.uuid(), self.principal.tenant, self.principal.id, now)
        return dict(timetable_views.silence_json(await self._timetable.silence(asked), now))

    async def expire(self, silence_id: str) -> None:
        """End one now."""
        await self._stores.silences.expire(self.principal.tenant, silence_id, self.principal.id)

    async def windows(self) -> Sequence[Json]:
        """All by name."""
        found = await self._stores.silences.windows(self.principal.tenant)
        return [dict(timetable_views.window_json(one, self._timetable)) for one in found]

    async def put_window(self, name: str, fields: Json) -> Json:
        """Make or change one."""
        from opsagent.web.silences import NewWindow

        asked = checked(NewWindow, fields).window(self.principal.tenant, connection_name(name))
        stored = await self._timetable.put_window(self.principal, asked)
        return dict(timetable_views.window_json(stored, self._timetable))

    async def remove_window(self, name: str) -> None:
        """Remove one."""
        await self._stores.silences.delete_window(self.principal.tenant, name, self.principal.id)

    async def escalations(self, limit: int) -> Sequence[Json]:
        """The newest ones."""
        page = await self._stores.escalations.list(self.principal.tenant, limit=limit)
        return [dict(escalation_views.escalation_json(one)) for one in page.items]

    async def escalation(self, escalation_id: str) -> Json:
        """One."""
        found, _ = await self._stores.escalations.get(self.principal.tenant, escalation_id)
        return dict(escalation_views.escalation_json(found))

    async def acknowledge(self, escalation_id: str) -> Json:
        """Say that who asks is looking."""
        done = await self.app.agent.escalations.acknowledge(self.principal, escalation_id)
        return dict(escalation_views.escalation_json(done))
