"""Runbooks: the procedures people wrote, as Markdown in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.errors import InputError
from opsagent.web import catalogue_wire as wire
from opsagent.web import wire as views_wire
from opsagent.web.auth import Operator, Reader
from opsagent.web.bodies import (
    Body,
    FieldName,
    LongText,
    ShortText,
    Text,
    as_json,
    is_json_request,
    read_json,
    read_text,
    takes,
)
from opsagent.web.catalogue_views import found_json, runbook_detail, runbook_json
from opsagent.web.deps import deps_of
from opsagent.web.views import rehearsal_json

router = APIRouter(prefix="/api/v1/runbooks", tags=["Runbooks"])
RunbookId = Annotated[str, Path(max_length=200)]


class Markdown(Body):
    """A runbook's text; `path` is what errors call it."""

    text: Annotated[Text, Field(min_length=1)]
    path: ShortText = "runbook.md"


class DryRun(Body):
    """On which target, and with which values."""

    connection: ShortText = ""
    parameters: Annotated[dict[FieldName, LongText], Field(default_factory=dict, max_length=100)]


@router.get("", summary="List runbooks", responses={200: {"model": wire.RunbookList}})
async def list_runbooks(request: Request, principal: Reader) -> Response:
    """By creation: the position is the number that may be used as `runbook_id`."""
    runbooks = await deps_of(request).agent.stores.runbooks.list(principal.tenant)
    return as_json({"runbooks": [runbook_json(runbook) for runbook in runbooks]})


@router.get("/search", summary="Find runbooks", responses={200: {"model": wire.FoundJson}})
async def search(
    request: Request,
    principal: Reader,
    q: Annotated[str, Query(min_length=1, max_length=1000)],
    limit: Annotated[int, Query(ge=1, le=50)] = 5,
) -> Response:
    """The best answers to a few words, ranked, each with its reason."""
    return as_json(found_json(await deps_of(request).agent.search(principal.tenant, q, limit=limit)))


@router.get("/{runbook_id}", summary="One runbook", responses={200: {"model": wire.RunbookDetail}})
async def get_runbook(request: Request, principal: Reader, runbook_id: RunbookId) -> Response:
    """By slug or position. With `Accept: text/markdown`, the text as it was written."""
    runbook = await deps_of(request).agent.stores.runbooks.get(principal.tenant, runbook_id)
    if "text/markdown" in request.headers.get("accept", ""):
        return Response(runbook.source, media_type="text/markdown; charset=utf-8")
    return as_json(runbook_detail(runbook))


@router.post(
    "",
    summary="Store a runbook",
    status_code=201,
    responses={201: {"model": wire.RunbookDetail}},
    openapi_extra=takes(Markdown, markdown=True),
)
async def add_runbook(request: Request, principal: Operator) -> Response:
    """Its id is in its text (or made from its title); an existing id gets a new version."""
    markdown = await _markdown(request)
    runbook = await deps_of(request).agent.add_runbook(principal, markdown.text, markdown.path)
    return as_json(runbook_detail(runbook), 201, {"Location": f"/api/v1/runbooks/{runbook.id}"})


@router.post(
    "/check",
    summary="Check a runbook without storing it",
    responses={200: {"model": wire.RunbookDetail}},
    openapi_extra=takes(Markdown, markdown=True),
)
async def check(request: Request, principal: Reader) -> Response:
    """What it was understood as; a refusal says file, line and fix."""
    markdown = await _markdown(request)
    parsed = deps_of(request).agent.parse_runbook(markdown.text, markdown.path, principal.tenant)
    return as_json(runbook_detail(parsed))


@router.put(
    "/{runbook_id}",
    summary="Store a new version of a runbook",
    responses={200: {"model": wire.RunbookDetail}},
    openapi_extra=takes(Markdown, markdown=True),
)
async def put_runbook(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """The text must carry the id of the address, so that nothing is overwritten by mistake."""
    markdown = await _markdown(request)
    agent = deps_of(request).agent
    parsed = agent.parse_runbook(markdown.text, markdown.path, principal.tenant)
    if parsed.id != runbook_id:
        raise InputError(
            f"The text is the runbook {parsed.id}, and the address says {runbook_id}.",
            fix=f"Set `id: {runbook_id}` in its front matter, or put it to /api/v1/runbooks/{parsed.id}.",
        )
    return as_json(runbook_detail(await agent.add_runbook(principal, markdown.text, markdown.path)))


@router.post(
    "/{runbook_id}/dry-run",
    summary="What a runbook would do, judged and not run",
    responses={200: {"model": views_wire.Rehearsal}},
    openapi_extra=takes(DryRun, required=False),
)
async def dry_run(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """Each check and step with its target, its manifest and its verdict; `parameters` may give captures, too."""
    body = await read_json(request, DryRun, optional=True)
    found = await deps_of(request).agent.rehearse(
        principal.tenant, runbook_id, connection=body.connection, given=body.parameters
    )
    return as_json(rehearsal_json(found))


@router.delete("/{runbook_id}", summary="Delete a runbook", status_code=204)
async def delete_runbook(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """It is no longer found; runs that follow it keep their version."""
    await deps_of(request).agent.stores.runbooks.delete(principal.tenant, runbook_id, principal.id)
    return Response(status_code=204)


async def _markdown(request: Request) -> Markdown:
    if is_json_request(request):
        return await read_json(request, Markdown)
    text = await read_text(request)
    if not text.strip():
        raise InputError("The runbook is empty.", fix="Send its Markdown as the body.")
    return Markdown(text=text)
