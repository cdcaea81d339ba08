"""Drafts: the runbooks that runs suggest, for a person to merge or to dismiss."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from opsagent.domain.draft import DraftStatus
from opsagent.web import library_wire as wire
from opsagent.web import wire as views_wire
from opsagent.web.auth import Operator, Reader
from opsagent.web.bodies import Body, LongText, as_json, read_json, takes
from opsagent.web.deps import deps_of
from opsagent.web.draft_views import draft_detail, draft_json, draft_list
from opsagent.web.library_views import runbook_detail
from opsagent.web.preconditions import etag
from opsagent.web.views import rehearsal_json

router = APIRouter(prefix="/api/v1/drafts", tags=["Runbooks"])
RunId = Annotated[str, Path(max_length=64, description="The run it was learned from.")]
Asked = Annotated[Literal["open", "merged", "dismissed", "all"], Query(description="Which of them.")]


class Merge(Body):
    """The text as the person has edited it; empty: as it is."""

    text: LongText = ""


@router.get("", summary="Runbooks that runs suggest", responses={200: {"model": wire.DraftList}})
async def list_drafts(request: Request, principal: Reader, status: Asked = "open") -> Response:
    """Nothing here is searched or followed until a person has merged it. The newest first, 200 at most."""
    wanted = None if status == "all" else DraftStatus(status)
    return as_json(draft_list(await deps_of(request).agent.drafts.list(principal.tenant, wanted)))


@router.get("/{run_id}", summary="One draft", responses={200: {"model": wire.DraftDetail}})
async def get_draft(request: Request, principal: Reader, run_id: RunId) -> Response:
    """With its text, what a person should know before merging it, and why it cannot be merged as it stands."""
    return as_json(draft_detail(await deps_of(request).agent.drafts.get(principal.tenant, run_id)))


@router.post("/{run_id}/dry-run", summary="What a draft would do", responses={200: {"model": views_wire.Rehearsal}})
async def rehearse(request: Request, principal: Operator, run_id: RunId) -> Response:
    """On the target it was learned on, with the values it had: judged, and not run."""
    return as_json(rehearsal_json(await deps_of(request).agent.drafts.rehearse(principal.tenant, run_id)))


@router.post(
    "/{run_id}/merge",
    summary="Make a draft a runbook",
    status_code=201,
    responses={201: {"model": wire.RunbookDetail}},
    openapi_extra=takes(Merge),
)
async def merge(request: Request, principal: Operator, run_id: RunId) -> Response:
    """From now on it is found and followed like any other. Refused when the policy denies one of its steps."""
    body = await read_json(request, Merge)
    agent = deps_of(request).agent
    runbook = await agent.drafts.merge(principal, run_id, body.text)
    headers = {"Location": f"/api/v1/runbooks/{runbook.id}", **etag(runbook.version)}
    return as_json(runbook_detail(await agent.library.get(principal.tenant, runbook.id)), 201, headers)


@router.post("/{run_id}/dismiss", summary="Nobody wants this draft", responses={200: {"model": wire.DraftJson}})
async def dismiss(request: Request, principal: Operator, run_id: RunId) -> Response:
    """It is kept, and listed no more among the open ones."""
    return as_json(draft_json(await deps_of(request).agent.drafts.dismiss(principal, run_id)))


@router.delete("/{run_id}", summary="Delete a draft", status_code=204)
async def delete(request: Request, principal: Operator, run_id: RunId) -> Response:
    """For good, whatever became of it; a runbook that came of it stays. The record says who did it."""
    await deps_of(request).agent.drafts.delete(principal, run_id)
    return Response(status_code=204)
