"""Escalations: who is told while nobody reacts, and saying that somebody is looking."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from opsagent.web import escalation_wire as wire
from opsagent.web.acknowledged import reactions_of
from opsagent.web.auth import Operator, Reader
from opsagent.web.bodies import as_json
from opsagent.web.deps import deps_of
from opsagent.web.escalation_views import escalation_json, escalation_list
from opsagent.web.runs import Listing

router = APIRouter(prefix="/api/v1/escalations", tags=["Escalations"])
EscalationId = Annotated[str, Path(max_length=100)]


@router.get("", summary="List escalations, newest first", responses={200: {"model": wire.EscalationList}})
async def list_escalations(request: Request, principal: Reader, query: Annotated[Listing, Query()]) -> Response:
    """Open ones and ended ones; those that ended are kept for 30 days."""
    store = deps_of(request).agent.stores.escalations
    return as_json(escalation_list(await store.list(principal.tenant, limit=query.limit, cursor=query.start)))


@router.get("/{escalation_id}", summary="One escalation", responses={200: {"model": wire.EscalationJson}})
async def get_escalation(request: Request, principal: Reader, escalation_id: EscalationId) -> Response:
    """What it is about, how far it has come, and who is looking."""
    found, _ = await deps_of(request).agent.stores.escalations.get(principal.tenant, escalation_id)
    return as_json(escalation_json(found))


@router.post(
    "/{escalation_id}/acknowledge",
    summary="Say that you are looking",
    responses={200: {"model": wire.EscalationJson}},
)
async def acknowledge(request: Request, principal: Operator, escalation_id: EscalationId) -> Response:
    """Nobody else is told any more. It approves nothing and is no answer; again changes nothing."""
    deps = deps_of(request)
    asked_at = deps.clock.now()
    done = await deps.agent.escalations.acknowledge(principal, escalation_id)
    reactions_of(request).note(done, principal.id, asked_at)
    return as_json(escalation_json(done))
