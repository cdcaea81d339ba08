"""Runs and their timelines: list, detail, events (JSON or server-sent), cancel, retry."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from opsagent.domain.identity import Permission, Principal
from opsagent.domain.run import RunStatus, Source
from opsagent.errors import InputError, NotFound, OpsAgentError
from opsagent.web import wire
from opsagent.web.auth import Looker, Operator, Reader, asking
from opsagent.web.bodies import as_json, idempotency, takes_key
from opsagent.web.deps import deps_of
from opsagent.web.live import EventStream, changes, streams_of
from opsagent.web.problems import problem
from opsagent.web.views import RUNS_PATH, accepted, event_json, run_json, run_list, thinking_json

router = APIRouter(prefix="/api/agent-ops", tags=["Runs"])
RunId = Annotated[str, Path(max_length=100)]
_EVENTS_AT_ONCE = 500


class Listing(BaseModel):
    """What every list takes: `cursor` is the `nextCursor` of the page before; `lastKey` is another name for it."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=1000)
    last_key: str = Field("", max_length=1000)

    @property
    def start(self) -> str:
        """The cursor, under whichever name it came."""
        return self.cursor or self.last_key


class RunFilter(Listing):
    """A list of runs."""

    source: Source | None = None
    status: RunStatus | None = None
    text: str = Field("", max_length=200, description="Words that each must be in the run, as a part of a word too.")


@router.get("", summary="List runs, newest first", responses={200: {"model": wire.RunList}})
async def list_runs(request: Request, principal: Reader, query: Annotated[RunFilter, Query()]) -> Response:
    """The tenant's runs, filtered by `source`, by any of the six statuses, and by words.

    Words are looked for in a run's id, the start of its task, who asked, its runbook and target, and how it ended.
    """
    page = await deps_of(request).agent.stores.runs.list(
        principal.tenant,
        source=query.source,
        status=query.status,
        text=query.text,
        limit=query.limit,
        cursor=query.start,
    )
    return as_json(run_list(page))


@router.get("/{run_id}", summary="One run", responses={200: {"model": wire.RunJson}})
async def get_run(request: Request, principal: Reader, run_id: RunId) -> Response:
    """Task, source, status, result or error."""
    return as_json(run_json(await deps_of(request).agent.stores.runs.get(principal.tenant, run_id)))


@router.get(
    "/{run_id}/events",
    summary="A run's timeline",
    responses={200: {"model": wire.EventList, "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def get_events(
    request: Request,
    principal: Reader,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Events after a sequence number, in order.

    With `Accept: text/event-stream`: all of them, then each new one as it is stored (`id:` is its sequence), until
    an `end` event says how the run ended. A client that comes back sends `Last-Event-ID` and misses nothing.
    While a model writes, `thinking` events carry its words so far; they are not stored and have no `id:`.
    """
    deps = deps_of(request)
    run = await deps.agent.stores.runs.get(principal.tenant, run_id)
    if "text/event-stream" in request.headers.get("accept", ""):
        return EventStream(_lines(request, principal, run.id, resume_at(request, after)), streams_of(request))
    events = await deps.agent.stores.journal.events(principal.tenant, run_id, after=after, limit=limit)
    look = principal.may(Permission.LOOK)
    following = events[-1].sequence if len(events) == limit else None
    # Read last: whatever is in `events` is not beyond it.
    newest = await deps.agent.stores.journal.newest(principal.tenant, run_id)
    told = [event_json(event, look=look) for event in events]
    return as_json({"events": told, "nextAfter": following, "lastEvent": newest})


@router.get(
    "/{run_id}/steps/{step_number}/output",
    summary="The whole output of a step",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_output(
    request: Request, principal: Looker, run_id: RunId, step_number: Annotated[int, Path(ge=1, le=2**31)]
) -> Response:
    """As text: what was kept in full where it was cut, else stdout followed by stderr."""
    deps = deps_of(request)
    for step in await deps.agent.stores.journal.steps(principal.tenant, run_id):
        if step.number == step_number and step.outcome is not None:
            content = f"{step.outcome.stdout}{step.outcome.stderr}".encode("utf-8", "replace")
            if step.outcome.artifact and deps.artifacts is not None:
                content = await deps.artifacts.get(principal.tenant, step.outcome.artifact)
            return Response(content, media_type="text/plain; charset=utf-8")
    raise NotFound(
        f"Step {step_number} of run {run_id} has no output.", fix="Look at the run's steps: it may not have run yet."
    )


@router.post("/{run_id}/cancel", summary="Stop a run", status_code=202, responses={202: {"model": wire.RunJson}})
async def cancel(request: Request, principal: Operator, run_id: RunId) -> Response:
    """No further step starts and a running command is killed; the run ends as soon as a worker has seen to it."""
    return as_json(run_json(await deps_of(request).agent.cancel(principal, run_id)), 202)


@router.post(
    "/{run_id}/retry",
    summary="Run it again",
    status_code=202,
    responses={202: {"model": wire.Accepted}},
    openapi_extra=takes_key(),
)
async def retry(request: Request, principal: Operator, run_id: RunId) -> Response:
    """A new run of the same request, with `retryOf`; the old one must have ended."""
    run = await deps_of(request).agent.retry(principal, run_id, key=idempotency(request))
    return as_json(accepted(run), 202, {"Location": f"{RUNS_PATH}/{run.id}"})


def resume_at(request: Request, after: int) -> int:
    """Where a stream goes on: after its Last-Event-ID if one came. InputError."""
    last = request.headers.get("last-event-id", "")
    if not last:
        return after
    if not (last.isascii() and last.isdigit() and len(last) <= 15):
        raise InputError("Last-Event-ID is not one of ours.", fix="Send the id of the last event you got, or nothing.")
    return int(last)


async def _lines(request: Request, principal: Principal, run_id: str, after: int) -> AsyncGenerator[bytes]:
    """The timeline as server-sent events, from the store; hints only say when to look."""
    deps = deps_of(request)
    look = principal.may(Permission.LOOK)
    async with aclosing(changes(deps, streams_of(request), principal.tenant, run_id)) as hints:
        async for passing in hints:
            try:
                await asking(request, used=False)  # a revoked key, and a session that is over, hear nothing more
                # The status is read before the events: whatever was written with the end is then seen below.
                run = await deps.agent.stores.runs.get(principal.tenant, run_id)
                fresh = await deps.agent.stores.journal.events(
                    principal.tenant, run_id, after=after, limit=_EVENTS_AT_ONCE
                )
                while fresh:
                    for event in fresh:
                        yield b"id: %d\ndata: %b\n\n" % (event.sequence, orjson.dumps(event_json(event, look=look)))
                    after = fresh[-1].sequence
                    fresh = await deps.agent.stores.journal.events(
                        principal.tenant, run_id, after=after, limit=_EVENTS_AT_ONCE
                    )
            except OpsAgentError as error:
                yield b"event: error\ndata: %b\n\n" % bytes(problem(error).body)
                return
            if run.ended:
                yield b"event: end\ndata: %b\n\n" % orjson.dumps(run_json(run))
                return
            if passing is not None and look:
                yield b"event: thinking\ndata: %b\n\n" % orjson.dumps(thinking_json(passing))
            yield b": still here\n\n"
