"""Silences and maintenance windows: signals that are kept, and start and tell nothing for a while."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.matcher import MAX_VALUE_CHARS, Matcher, read_matcher
from opsagent.domain.silence import MAX_MATCHERS, MaintenanceWindow, Silence
from opsagent.web import timetable_wire as wire
from opsagent.web.auth import Operator, Reader
from opsagent.web.bodies import ShortText, Text, as_json, read_json, takes
from opsagent.web.connections import NAME
from opsagent.web.deps import deps_of
from opsagent.web.schedules import Timed
from opsagent.web.spans import Span
from opsagent.web.timetable_views import silence_json, window_json

router = APIRouter(prefix="/api/v1/silences", tags=["Silences"])
windows = APIRouter(prefix="/api/v1/maintenance", tags=["Silences"])
SilenceId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Name = Annotated[str, Path(pattern=NAME)]
Written = Annotated[Text, Field(min_length=1, max_length=MAX_VALUE_CHARS + 200)]
_HOW = 'As Alertmanager writes them: service=shop, severity!=critical, alertname=~"Disk.*", team!~"a|b".'


class NewSilence(Span):
    """From `startsAt` (now, where it is left out) until `endsAt` or for `durationSeconds`, for what fits all."""

    matchers: Annotated[list[Written], Field(min_length=1, max_length=MAX_MATCHERS, description=_HOW)]
    comment: Annotated[Text, Field(min_length=1, max_length=1000)]

    def silence(self, silence_id: str, tenant: str, by: str, now: float) -> Silence:
        """As it would be stored. InputError."""
        starts, ends = self.span(now)
        return Silence(
            id=silence_id,
            tenant=tenant,
            matchers=read_matchers(self.matchers),
            starts_at=starts,
            ends_at=ends,
            comment=self.comment,
            by=by,
        )


class NewWindow(Timed):
    """From each firing, for `durationSeconds`. With `freeze`, no effect starts meanwhile on the targets named."""

    duration_seconds: Annotated[int, Field(ge=60, le=7 * 86400)]
    matchers: Annotated[list[Written], Field(default_factory=list, max_length=MAX_MATCHERS, description=_HOW)]
    comment: Annotated[Text, Field(max_length=1000)] = ""
    enabled: bool = True
    freeze: bool = False
    environments: Annotated[list[ShortText], Field(default_factory=list, max_length=50)]
    connections: Annotated[list[ShortText], Field(default_factory=list, max_length=200)]
    labels: Annotated[dict[ShortText, ShortText], Field(default_factory=dict, max_length=50)]

    def window(self, tenant: str, name: str) -> MaintenanceWindow:
        """As it would be stored. InputError."""
        return MaintenanceWindow(
            id="",
            tenant=tenant,
            name=name,
            timing=self.timing(),
            duration_s=self.duration_seconds,
            matchers=read_matchers(self.matchers),
            comment=self.comment,
            enabled=self.enabled,
            freeze=self.freeze,
            environments=tuple(self.environments),
            connections=tuple(self.connections),
            labels=self.labels,
        )


def read_matchers(texts: list[str]) -> tuple[Matcher, ...]:
    """The matchers people wrote. InputError."""
    return tuple(read_matcher(text) for text in texts)


@router.get("", summary="List silences", responses={200: {"model": wire.SilenceList}})
async def list_silences(request: Request, principal: Reader) -> Response:
    """Those that have not ended, by their start; maintenance windows have a list of their own."""
    deps = deps_of(request)
    found = await deps.agent.stores.silences.list(principal.tenant)
    return as_json({"silences": [silence_json(one, deps.clock.now()) for one in found]})


@router.post(
    "", summary="Set a silence", status_code=201, responses={201: {"model": wire.SilenceJson}},
    openapi_extra=takes(NewSilence),
)  # fmt: skip
async def set_silence(request: Request, principal: Operator) -> Response:
    """Signals it holds of are kept with their ticket, and start no run; open runs go on, and nothing is closed."""
    body = await read_json(request, NewSilence)
    deps = deps_of(request)
    silence = body.silence(deps.ids.uuid(), principal.tenant, principal.id, deps.clock.now())
    return as_json(silence_json(await deps.agent.timetable.silence(silence), deps.clock.now()), 201)


@router.delete("/{silence_id}", summary="End a silence now", status_code=204)
async def expire_silence(request: Request, principal: Operator, silence_id: SilenceId) -> Response:
    """What still fires gets its run."""
    await deps_of(request).agent.stores.silences.expire(principal.tenant, silence_id, principal.id)
    return Response(status_code=204)


@windows.get("", summary="List maintenance windows", responses={200: {"model": wire.WindowList}})
async def list_windows(request: Request, principal: Reader) -> Response:
    """By name, each with whether it is open and when it opens next."""
    agent = deps_of(request).agent
    found = await agent.stores.silences.windows(principal.tenant)
    return as_json({"windows": [window_json(one, agent.timetable) for one in found]})


@windows.put(
    "/{name}",
    summary="Make or change a maintenance window",
    responses={200: {"model": wire.WindowJson}},
    openapi_extra=takes(NewWindow),
)
async def put_window(request: Request, principal: Operator, name: Name) -> Response:
    """It holds at once, if it is open by what is given."""
    body = await read_json(request, NewWindow)
    timetable = deps_of(request).agent.timetable
    stored = await timetable.put_window(principal, body.window(principal.tenant, name))
    return as_json(window_json(stored, timetable))


@windows.delete("/{name}", summary="Remove a maintenance window", status_code=204)
async def delete_window(request: Request, principal: Operator, name: Name) -> Response:
    """It no longer holds, also if it is open now."""
    await deps_of(request).agent.stores.silences.delete_window(principal.tenant, name, principal.id)
    return Response(status_code=204)
