"""The door of a data folder no server runs on: the store opened in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsagent.bootstrap import build
from opsagent.cli.door import MOST_PENDING
from opsagent.cli.draft_door import LocalDrafts
from opsagent.cli.local_catalogue import LocalCatalogue
from opsagent.cli.local_chat import LocalChat
from opsagent.cli.local_library import LocalLibrary
from opsagent.cli.local_notices import LocalNotices
from opsagent.cli.local_people import LocalPeople
from opsagent.cli.local_timetable import LocalTimetable
from opsagent.cli.options import Place
from opsagent.cli.person import person
from opsagent.domain.freeze import Freeze
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, RunStatus, Source
from opsagent.domain.ticket import TicketStatus
from opsagent.domain.trigger import Trigger
from opsagent.settings import Settings
from opsagent.web import catalogue_views, intake_views, triage_views, views

Json = dict[str, Any]
LOOK_EVERY_S = 0.25  # between two looks at the store of this very machine
EVENTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDoor(LocalCatalogue):
    """Answers from the app built here, in the JSON of the API."""

    folder: str
    local: bool = True

    @property
    def timetable(self) -> LocalTimetable:
        """What goes by the clock."""
        return LocalTimetable(app=self.app, principal=self.principal)

    @property
    def notices(self) -> LocalNotices:
        """What people were told, and by what."""
        return LocalNotices(app=self.app, principal=self.principal)

    @property
    def chat(self) -> LocalChat:
        """The chat."""
        return LocalChat(app=self.app, principal=self.principal)

    @property
    def people(self) -> LocalPeople:
        """Who may sign in."""
        return LocalPeople(app=self.app, principal=self.principal)

    @property
    def library(self) -> LocalLibrary:
        """Runbooks."""
        return LocalLibrary(app=self.app, principal=self.principal)

    @property
    def drafts(self) -> LocalDrafts:
        """Runbooks that runs suggest."""
        return LocalDrafts(app=self.app, principal=self.principal)

    @property
    def where(self) -> str:
        """Whom we talk to, in words."""
        return f"The store in {self.folder}"

    async def pause_between_looks(self) -> None:
        """A moment."""
        await self.app.clock.sleep(LOOK_EVERY_S)

    async def submit(self, task: str, **fields: object) -> Json:
        """Store a run."""
        trigger = Trigger(
            tenant=self.principal.tenant,
            source=Source.CLI,
            text=task,
            requested_by=self.principal.id,
            mode=Mode(str(fields.get("mode") or Mode.AUTO)),
            priority=Priority(str(fields.get("priority") or Priority.MEDIUM)),
            runbook_id=str(fields.get("runbook_id") or ""),
            connection=str(fields.get("connection") or ""),
            parameters=_text_map(fields.get("parameters")),
            selected_skill=str(fields.get("selected_skill") or ""),
        )
        return dict(views.accepted(await self.app.agent.submit(trigger)))

    async def drive(self, run_id: str) -> None:
        """Work on a run here until it ends or waits for a person."""
        await self.app.worker.drive(self.principal.tenant, run_id)

    async def runs(
        self, *, source: str = "", status: str = "", text: str = "", limit: int = 50, cursor: str = ""
    ) -> Json:
        """Newest first."""
        page = await self.app.stores.runs.list(
            self.principal.tenant,
            source=Source(source) if source else None,
            status=RunStatus(status) if status else None,
            text=text,
            limit=limit,
            cursor=cursor,
        )
        return dict(views.run_list(page))

    async def run(self, run_id: str) -> Json:
        """One run."""
        return dict(views.run_json(await self.app.stores.runs.get(self.principal.tenant, run_id)))

    async def session(self, run_id: str) -> Json:
        """One run with its steps."""
        view = await self.app.agent.view(self.principal.tenant, run_id)
        return dict(views.session_json(view, view.run.runbook_id, look=True))

    async def events(self, run_id: str, *, after: int = 0) -> Sequence[Json]:
        """The timeline after a sequence number."""
        found = await self.app.stores.journal.events(self.principal.tenant, run_id, after=after, limit=EVENTS_AT_ONCE)
        return [dict(views.event_json(event, look=True)) for event in found]

    async def cancel(self, run_id: str) -> Json:
        """Ask a run to stop."""
        return dict(views.run_json(await self.app.agent.cancel(self.principal, run_id)))

    async def retry(self, run_id: str) -> Json:
        """A new run of the same request."""
        return dict(views.accepted(await self.app.agent.retry(self.principal, run_id)))

    async def pending(self, run_id: str = "") -> Json:
        """What waits for a person."""
        found = await self.app.agent.waiting(self.principal.tenant, run_id=run_id, limit=MOST_PENDING)
        return dict(views.pending_json(found, look=True))

    async def decide(self, question: Json, *, grant: bool, notes: str) -> Json:
        """Answer the question that was shown."""
        decided = await self.app.agent.decide(
            self.principal, question["approvalId"], grant=grant, notes=notes, digest=question["digest"]
        )
        return dict(views.approval_json(decided))

    async def resolve(self, run_id: str, step_number: int, answer: str) -> Json:
        """Say what became of an unknown step."""
        step = await self.app.agent.resolve(self.principal, run_id, step_number, answer)
        return dict(views.step_json(step, (), look=True))

    async def switch(self, name: str, *, on: bool, everywhere: bool = False) -> Mapping[str, bool]:
        """Set `paused` or `acting`."""
        return dict(await self.app.agent.switch(self.principal, name, on=on, everywhere=everywhere))

    async def switches(self) -> Mapping[str, bool]:
        """What holds now."""
        return dict(await self.app.stores.control.switches(self.principal.tenant))

    async def freezes(self) -> Sequence[Json]:
        """Maintenance freezes that have not ended."""
        found = await self.app.stores.control.freezes(self.principal.tenant)
        return [dict(catalogue_views.freeze_json(one)) for one in found]

    async def freeze(self, fields: Json) -> Json:
        """Set one."""
        from opsagent.web.schedules import seconds

        given = fields.get("starts_at")
        starts = seconds(datetime.fromisoformat(given)) if given else None
        freeze = Freeze(
            id=self.app.ids.uuid(),
            tenant=self.principal.tenant,
            starts_at=self.app.clock.now() if starts is None else starts,
            ends_at=seconds(datetime.fromisoformat(fields["ends_at"])) or 0.0,
            reason=fields["reason"],
            by=self.principal.id,
            environments=tuple(fields["environments"]),
            connections=tuple(fields["connections"]),
        )
        return dict(catalogue_views.freeze_json(await self.app.agent.freeze(self.principal, freeze)))

    async def lift(self, freeze_id: str) -> None:
        """End one now."""
        await self.app.agent.lift(self.principal, freeze_id)

    async def take(self, ticket_id: str, *, back: bool) -> Json:
        """Take a ticket over, or hand it back."""
        return dict(catalogue_views.ticket_json(await self.app.agent.take_over(self.principal, ticket_id, back=back)))

    async def tickets(self, *, status: str = "", limit: int = 50) -> Json:
        """Newest first."""
        wanted = TicketStatus(status) if status else None
        page = await self.app.stores.tickets.list(self.principal.tenant, status=wanted, limit=limit)
        return dict(catalogue_views.ticket_list(page))

    async def quarantine(self) -> Sequence[Json]:
        """Deliveries that could not be read."""
        found = await self.app.stores.quarantine.list(self.principal.tenant)
        return [dict(intake_views.quarantined_json(one)) for one in found]

    async def quarantined(self, delivery_id: str) -> Json:
        """One of them with its body."""
        found = await self.app.stores.quarantine.get(self.principal.tenant, delivery_id)
        return dict(intake_views.quarantined_detail(found))

    async def replay(self, delivery_id: str) -> Json:
        """Read it again."""
        return dict(intake_views.taken_json(await self.app.intake.replay(self.principal, delivery_id)))

    async def forget_delivery(self, delivery_id: str) -> None:
        """Remove one of them."""
        await self.app.intake.forget(self.principal, delivery_id)

    async def ticket(self, ticket_id: str) -> Json:
        """One ticket with everything known about it."""
        stores, tenant = self.app.stores, self.principal.tenant
        ticket = await stores.tickets.get(tenant, ticket_id)
        alerts = await stores.triage.members(tenant, ticket_id)
        signals = await stores.tickets.signals(tenant, ticket_id)
        said = await stores.triage.said(tenant, ticket_id)
        acts = await stores.audit.of_ticket(tenant, ticket_id, since=ticket.created_at)
        return dict(catalogue_views.ticket_detail(ticket, alerts, signals, said, acts))

    async def reopen(self, ticket_id: str, reason: str) -> Json:
        """Say that it is not over."""
        return dict(
            catalogue_views.ticket_json(
                await self.app.agent.close_ticket(self.principal, ticket_id, reopen=True, reason=reason)
            )
        )

    async def say(self, ticket_id: str, *, real: bool, note: str) -> Json:
        """Say whether it was real or noise."""
        return dict(
            catalogue_views.feedback_json(await self.app.agent.say(self.principal, ticket_id, real=real, note=note))
        )

    async def quality(self, days: int) -> Json:
        """How automatic closing does."""
        return dict(triage_views.quality_json(await self.app.agent.quality(self.principal.tenant, days=days), days))

    async def spending(self, days: int) -> Json:
        """What was spent on models."""
        from opsagent.web.spending import first_day, spending_json

        since = first_day(self.app.clock.now(), days)
        return dict(spending_json(await self.app.stores.spending.days(self.principal.tenant, since=since)))


@asynccontextmanager
async def local_door(place: Place) -> AsyncIterator[LocalDoor]:
    """Open the store of the place in this process, beside whoever else has it open."""
    settings = Settings.load(place.overrides())
    async with build(settings, serving=False) as app:
        yield LocalDoor(app=app, principal=person(place.tenant), folder=str(settings.server.data_dir))


def _text_map(value: object) -> dict[str, str]:
    return {str(name): str(one) for name, one in value.items()} if isinstance(value, Mapping) else {}
