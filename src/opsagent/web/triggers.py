"""Work handed in by programs: POST /api/v1/trigger/api. Each brand's own trigger is a route of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.identity import Principal, PrincipalKind
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, Source
from opsagent.domain.trigger import Trigger
from opsagent.web import wire
from opsagent.web.auth import Poster
from opsagent.web.bodies import (
    Body,
    CallbackUrl,
    Parameters,
    ShortText,
    Text,
    TextOrNumber,
    as_json,
    idempotency,
    read_json,
    takes,
)
from opsagent.web.deps import deps_of
from opsagent.web.direct import DirectRoute
from opsagent.web.views import RUNS_PATH, accepted

router = APIRouter(prefix="/api/v1/trigger", tags=["Triggers"], route_class=DirectRoute)


CLIENT_HEADER = "X-OpsAgent-Client"
CLI_CLIENT = "cli"


class ApiTrigger(Body):
    """What a program wants done. Account ids are text: as numbers they would lose their leading zeros."""

    task_description: Annotated[Text, Field(description="What should be done; at most 10,000 characters.")]
    account_id: ShortText = ""
    selected_skill: ShortText = ""
    mode: Literal["auto", "plan", "fast"] = "auto"
    callback_url: Annotated[
        CallbackUrl | None, Field(description="Called with the result, once the run has ended.")
    ] = None
    priority: Priority = Priority.MEDIUM
    runbook_id: Annotated[TextOrNumber, Field(description="A slug, or a position in the list of runbooks.")] = ""
    connection: ShortText = ""
    parameters: Annotated[Parameters, Field(default_factory=dict)]
    model: ShortText = ""


@router.post(
    "/api",
    summary="Start a run",
    status_code=202,
    responses={202: {"model": wire.Accepted}},
    openapi_extra=takes(ApiTrigger, idempotent=True),
)
async def trigger_api(request: Request, principal: Poster) -> Response:
    """The run is stored when this answers, and a worker is on its way.

    202 and not 200, because nothing has been done yet; whoever waits for the end watches `links.events`. The source is
    `api`, or `cli` for a person's key with the header `X-OpsAgent-Client: cli`; a body that names one is refused.
    """
    body = await read_json(request, ApiTrigger)
    trigger = Trigger(
        tenant=principal.tenant,
        source=_source(request, principal),
        text=body.task_description,
        requested_by=principal.id,
        mode=Mode(body.mode),
        priority=body.priority,
        runbook_id=body.runbook_id,
        connection=body.connection,
        parameters=body.parameters,
        callback_url=body.callback_url or "",
        account_id=body.account_id,
        selected_skill=body.selected_skill,
        model=body.model,
    )
    run = await deps_of(request).agent.submit(trigger, key=idempotency(request, body))
    return as_json(accepted(run), 202, {"Location": f"{RUNS_PATH}/{run.id}"})


def _source(request: Request, principal: Principal) -> Source:
    """Our own command line says who it is; a service cannot pass for a person at a terminal."""
    at_terminal = request.headers.get(CLIENT_HEADER) == CLI_CLIENT and principal.kind is PrincipalKind.PERSON
    return Source.CLI if at_terminal else Source.API
