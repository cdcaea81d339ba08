"""Schedules: work that is started by the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode
from opsagent.domain.schedule import Missed, Overlap, Schedule, Timing
from opsagent.errors import InputError
from opsagent.web import timetable_wire
from opsagent.web import wire as runs_wire
from opsagent.web.auth import Operator, Reader
from opsagent.web.bodies import (
    Body,
    Parameters,
    ShortText,
    Text,
    TextOrNumber,
    as_json,
    idempotency,
    read_json,
    takes,
    takes_key,
)
from opsagent.web.connections import NAME
from opsagent.web.deps import deps_of
from opsagent.web.timetable_views import next_json, schedule_json
from opsagent.web.views import RUNS_PATH, accepted

router = APIRouter(prefix="/api/v1/schedules", tags=["Schedules"])
Name = Annotated[str, Path(pattern=NAME)]
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Timed(Body):
    """When: `cron` (five fields, read in `timezone`) or `everySeconds` from `startsAt` on."""

    cron: Annotated[ShortText, Field(description='Minute, hour, day, month, weekday: "30 2 * * MON-FRI".')] = ""
    every_seconds: Annotated[int, Field(ge=0, le=366 * 86400)] = 0
    timezone: Annotated[ShortText, Field(description="A name of the IANA list, such as Europe/Berlin.")] = "UTC"
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None

    def timing(self) -> Timing:
        """As it would be stored. InputError."""
        return Timing(
            cron=self.cron,
            every_s=self.every_seconds,
            timezone=self.timezone,
            starts_at=seconds(self.starts_at),
            ends_at=seconds(self.ends_at),
        )


class NewSchedule(Timed):
    """What is asked for, and when; the rest is as for `POST /api/v1/trigger/api`."""

    task_description: Annotated[Text, Field(min_length=1, description="At most 10,000 characters.")]
    runbook_id: Annotated[TextOrNumber, Field(description="A slug, or a position in the list of runbooks.")] = ""
    connection: ShortText = ""
    parameters: Annotated[Parameters, Field(default_factory=dict)]
    mode: Literal["auto", "plan", "fast"] = "auto"
    priority: Priority = Priority.MEDIUM
    enabled: bool = True
    overlap: Annotated[
        Overlap, Field(description="While the run of the firing before is open: start nothing, or let one wait.")
    ] = Overlap.SKIP
    missed: Annotated[
        Missed, Field(description="Firings while no server was there: one run for all of them, or none.")
    ] = Missed.RUN_ONCE

    def schedule(self, tenant: str, name: str) -> Schedule:
        """As it would be stored. InputError."""
        return Schedule(
            id="",
            tenant=tenant,
            name=name,
            timing=self.timing(),
            text=self.task_description,
            runbook_id=self.runbook_id,
            connection=self.connection,
            parameters=self.parameters,
            mode=Mode(self.mode),
            priority=self.priority,
            enabled=self.enabled,
            overlap=self.overlap,
            missed=self.missed,
        )


class HowMany(BaseModel):
    """How far to look ahead."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(5, ge=1, le=100)


def seconds(when: datetime | None) -> float | None:
    """Epoch seconds. InputError for years nobody plans for, whose arithmetic would overflow."""
    if when is None:
        return None
    if not EARLIEST <= when < LATEST:
        raise InputError("A time is out of range.", fix="Give a year from 1970 to 8999.")
    return when.timestamp()


@router.get("", summary="List schedules", responses={200: {"model": timetable_wire.ScheduleList}})
async def list_schedules(request: Request, principal: Reader) -> Response:
    """By name, each with its next firing and its last run."""
    found = await deps_of(request).agent.stores.schedules.list(principal.tenant)
    return as_json({"schedules": [schedule_json(one) for one in found]})


@router.get("/{name}", summary="One schedule", responses={200: {"model": timetable_wire.ScheduleJson}})
async def get_schedule(request: Request, principal: Reader, name: Name) -> Response:
    """What it asks for, when, and what became of it last."""
    return as_json(schedule_json(await deps_of(request).agent.stores.schedules.get(principal.tenant, name)))


@router.put(
    "/{name}",
    summary="Make or change a schedule",
    responses={200: {"model": timetable_wire.ScheduleJson}},
    openapi_extra=takes(NewSchedule),
)
async def put_schedule(request: Request, principal: Operator, name: Name) -> Response:
    """Its next firing lies after now; what a changed one would have fired before is not made up for."""
    body = await read_json(request, NewSchedule)
    timetable = deps_of(request).agent.timetable
    return as_json(schedule_json(await timetable.put(principal, body.schedule(principal.tenant, name))))


@router.delete("/{name}", summary="Remove a schedule", status_code=204)
async def delete_schedule(request: Request, principal: Operator, name: Name) -> Response:
    """Nothing more is started; runs it has started go on."""
    await deps_of(request).agent.stores.schedules.delete(principal.tenant, name, principal.id)
    return Response(status_code=204)


@router.get("/{name}/next", summary="When it fires", responses={200: {"model": timetable_wire.NextFirings}})
async def next_firings(request: Request, principal: Reader, name: Name, query: Annotated[HowMany, Query()]) -> Response:
    """The next firings, as if it were not paused."""
    agent = deps_of(request).agent
    schedule = await agent.stores.schedules.get(principal.tenant, name)
    return as_json(next_json(schedule, agent.timetable.next(schedule, query.count)))


@router.post("/{name}/pause", summary="Pause a schedule", responses={200: {"model": timetable_wire.ScheduleJson}})
async def pause_schedule(request: Request, principal: Operator, name: Name) -> Response:
    """It starts nothing until it is resumed; what waits for an earlier run is let go."""
    return as_json(schedule_json(await deps_of(request).agent.timetable.switch(principal, name, on=False)))


@router.post("/{name}/resume", summary="Resume a schedule", responses={200: {"model": timetable_wire.ScheduleJson}})
async def resume_schedule(request: Request, principal: Operator, name: Name) -> Response:
    """From its next firing on; those of the pause are not made up for."""
    return as_json(schedule_json(await deps_of(request).agent.timetable.switch(principal, name, on=True)))


@router.post(
    "/{name}/run",
    summary="Start what it asks for now",
    status_code=202,
    responses={202: {"model": runs_wire.Accepted}},
    openapi_extra=takes_key(),
)
async def run_schedule(request: Request, principal: Operator, name: Name) -> Response:
    """Besides its firings, and also while it is paused; the run is yours."""
    run = await deps_of(request).agent.timetable.run_now(principal, name, key=idempotency(request))
    return as_json(accepted(run), 202, {"Location": f"{RUNS_PATH}/{run.id}"})
