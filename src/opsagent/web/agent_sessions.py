"""The execution of runbooks and its approvals, step by step: a session is a run."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from opsagent.domain.identity import Permission, Principal
from opsagent.domain.priority import Priority
from opsagent.domain.run import Source
from opsagent.domain.spending import MICROS
from opsagent.domain.trigger import Trigger
from opsagent.errors import NotFound
from opsagent.loop.agent import Agent
from opsagent.web import wire
from opsagent.web.auth import Approver, Operator, Reader
from opsagent.web.bodies import (
    Body,
    LongText,
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
from opsagent.web.views import approval_json, pending_json, session_json, step_json

router = APIRouter(prefix="/api/v1/agent", tags=["Sessions and approvals"])
SessionId = Annotated[str, Path(max_length=100)]
StepNumber = Annotated[int, Query(alias="step_number", ge=1, le=2**31)]


class Execution(Body):
    """Which runbook, for what."""

    runbook_id: Annotated[
        TextOrNumber, Field(min_length=1, description="A slug, or a position in the list of runbooks.")
    ]
    issue_description: Annotated[Text, Field(description="The problem in words; at most 10,000 characters.")]
    connection: ShortText = ""
    parameters: Annotated[Parameters, Field(default_factory=dict)]
    priority: Priority = Priority.MEDIUM


class Decision(Body):
    """A person's answer. With `digest`, it holds only for exactly the effect that was shown; send it always."""

    approve: bool
    notes: LongText = ""
    digest: ShortText = ""


class Asked(BaseModel):
    """Which of what waits is shown."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    run_id: str = Field("", max_length=100)
    limit: int = Field(100, ge=0, le=1000)


class Resolution(Body):
    """What became of an effect nobody knows the end of."""

    answer: Literal["happened", "not_happened", "aborted"]


@router.post(
    "/execute",
    summary="Execute a runbook",
    responses={200: {"model": wire.SessionJson}},
    openapi_extra=takes(Execution, idempotent=True),
)
async def execute(request: Request, principal: Operator) -> Response:
    """Start a session. Steps that are not proven reads wait for a person."""
    body = await read_json(request, Execution)
    agent = deps_of(request).agent
    trigger = Trigger(
        tenant=principal.tenant,
        source=Source.API,
        text=body.issue_description,
        requested_by=principal.id,
        priority=body.priority,
        runbook_id=body.runbook_id,
        connection=body.connection,
        parameters=body.parameters,
    )
    run = await agent.submit(trigger, key=idempotency(request, body))
    return as_json(await session(agent, principal, run.id))


@router.get("/pending-approvals", summary="What waits for a person", responses={200: {"model": wire.PendingJson}})
async def pending_approvals(request: Request, principal: Reader, query: Annotated[Asked, Query()]) -> Response:
    """Open questions with the exact command and what it would do; and steps whose end nobody knows.

    The oldest `limit` of each (0 only counts), with `runId` those of one run. `waiting` counts all there are.
    """
    found = await deps_of(request).agent.waiting(principal.tenant, run_id=query.run_id, limit=query.limit)
    return as_json(pending_json(found, look=principal.may(Permission.LOOK)))


@router.get("/{session_id}", summary="One session, step by step", responses={200: {"model": wire.SessionJson}})
async def get_session(request: Request, principal: Reader, session_id: SessionId) -> Response:
    """Each step with its command, its verdict, its question and its outcome; output needs the right to look."""
    return as_json(await session(deps_of(request).agent, principal, session_id))


@router.post(
    "/{session_id}/approve-step",
    summary="Approve or refuse a step",
    responses={200: {"model": wire.ApprovalJson}},
    openapi_extra=takes(Decision),
)
async def approve_step(
    request: Request, principal: Approver, session_id: SessionId, step_number: StepNumber
) -> Response:
    """A person's answer to the newest question of a step. The same answer again changes nothing.

    A yes needs the question's `digest` once the step was asked about before: the effect has changed since.
    """
    body = await read_json(request, Decision)
    approval = await deps_of(request).agent.decide_step(
        principal, session_id, step_number, grant=body.approve, notes=body.notes, digest=body.digest
    )
    return as_json(approval_json(approval))


@router.post(
    "/{session_id}/resolve-step",
    summary="Say what became of a step",
    responses={200: {"model": wire.StepJson}},
    openapi_extra=takes(Resolution),
)
async def resolve_step(
    request: Request, principal: Approver, session_id: SessionId, step_number: StepNumber
) -> Response:
    """For a step whose end nobody knows: it happened, it did not, or give up on it. It is never run again by itself."""
    body = await read_json(request, Resolution)
    step = await deps_of(request).agent.resolve(principal, session_id, step_number, body.answer)
    return as_json(step_json(step, (), look=principal.may(Permission.LOOK)))


async def session(agent: Agent, principal: Principal, run_id: str) -> wire.SessionJson:
    """A run as a session, with the title of its runbook if that still exists. NotFound."""
    view = await agent.view(principal.tenant, run_id)
    title = ""
    if view.run.runbook_id:
        try:
            title = (await agent.stores.runbooks.get(principal.tenant, view.run.runbook_id)).title
        except NotFound:
            title = view.run.runbook_id
    spent = await agent.stores.spending.spent(principal.tenant, run_id=run_id)
    return session_json(view, title, look=principal.may(Permission.LOOK), cost=spent.micros / MICROS)
