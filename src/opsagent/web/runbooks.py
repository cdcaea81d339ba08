"""Runbooks: the procedures people wrote, as Markdown in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.identity import Principal
from opsagent.domain.library import Uses
from opsagent.domain.runbook import Runbook
from opsagent.errors import InputError
from opsagent.loop.library import Listed
from opsagent.web import library_wire as wire
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
from opsagent.web.deps import deps_of
from opsagent.web.library_views import checked_runbook, found_json, runbook_detail, runbook_json
from opsagent.web.preconditions import etag, expected_version, takes_precondition
from opsagent.web.views import rehearsal_json

router = APIRouter(prefix="/api/v1/runbooks", tags=["Runbooks"])
RunbookId = Annotated[str, Path(max_length=200)]
Origin = Annotated[Text, Field(max_length=500)]


class Markdown(Body):
    """A runbook's text; `path` is what errors call it. `note` says why it changes, `origin` where it came from.

    `expectedVersion` is the version that must be the present one (empty: there must be none), as If-Match is.
    """

    text: Annotated[Text, Field(min_length=1)]
    path: ShortText = "runbook.md"
    note: ShortText = ""
    origin: Origin = ""
    expected_version: ShortText | None = None


class DryRun(Body):
    """On which target, and with which values. `text` is judged in place of what is stored."""

    text: Text = ""
    connection: ShortText = ""
    parameters: Annotated[dict[FieldName, LongText], Field(default_factory=dict, max_length=100)]


@router.get("", summary="List runbooks", responses={200: {"model": wire.RunbookList}})
async def list_runbooks(request: Request, principal: Reader) -> Response:
    """By creation: the position is the number that may be used as `runbook_id`. Each with how often it helped."""
    runbooks = await deps_of(request).agent.library.list(principal.tenant)
    return as_json({"runbooks": [runbook_json(one) for one in runbooks]})


@router.get("/search", summary="Find runbooks", responses={200: {"model": wire.FoundJson}})
async def search(
    request: Request,
    principal: Reader,
    q: Annotated[str, Query(min_length=1, max_length=1000)],
    limit: Annotated[int, Query(ge=1, le=50)] = 5,
) -> Response:
    """The best answers to a few words, ranked, each with its reason."""
    return as_json(found_json(await deps_of(request).agent.library.search(principal.tenant, q, limit=limit)))


@router.get("/{runbook_id}", summary="One runbook", responses={200: {"model": wire.RunbookDetail}})
async def get_runbook(request: Request, principal: Reader, runbook_id: RunbookId) -> Response:
    """By slug or position. With `Accept: text/markdown`, the text as it was written. Its ETag goes into If-Match."""
    found = await deps_of(request).agent.library.get(principal.tenant, runbook_id)
    if "text/markdown" in request.headers.get("accept", ""):
        return Response(
            found.runbook.source, media_type="text/markdown; charset=utf-8", headers=etag(found.runbook.version)
        )
    return as_json(runbook_detail(found), headers=etag(found.runbook.version))


@router.post(
    "",
    summary="Store a runbook",
    status_code=201,
    responses={201: {"model": wire.RunbookDetail}},
    openapi_extra=takes(Markdown, markdown=True) | takes_precondition(),
)
async def add_runbook(request: Request, principal: Operator) -> Response:
    """Its id is in its text (or made from its title); an existing id gets a new version.

    With `If-None-Match: *` (or an empty `expectedVersion`) an existing id is refused.
    """
    runbook = await _stored(request, principal, await _markdown(request))
    headers = {"Location": f"/api/v1/runbooks/{runbook.id}", **etag(runbook.version)}
    return as_json(await _detail(request, principal, runbook), 201, headers)


@router.post(
    "/check",
    summary="Check a runbook without storing it",
    responses={200: {"model": wire.CheckedRunbook}},
    openapi_extra=takes(Markdown, markdown=True),
)
async def check(request: Request, principal: Reader) -> Response:
    """What it was understood as, with remarks about lines its author should look at.

    A refusal says file, line and fix.
    """
    markdown = await _markdown(request)
    parsed, remarks = deps_of(request).agent.library.check(principal.tenant, markdown.text, markdown.path)
    return as_json(checked_runbook(Listed(runbook=parsed, uses=Uses(runbook_id=parsed.id)), remarks))


@router.put(
    "/{runbook_id}",
    summary="Store a new version of a runbook",
    responses={200: {"model": wire.RunbookDetail}},
    openapi_extra=takes(Markdown, markdown=True) | takes_precondition(),
)
async def put_runbook(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """The text must carry the id of the address, so that nothing is overwritten by mistake.

    With `If-Match: "VERSION"` it is stored only if nobody has changed it since; else 412.
    """
    markdown = await _markdown(request)
    parsed = deps_of(request).agent.parse_runbook(markdown.text, markdown.path, principal.tenant)
    if parsed.id != runbook_id:
        raise InputError(
            f"The text is the runbook {parsed.id}, and the address says {runbook_id}.",
            fix=f"Set `id: {runbook_id}` in its front matter, or put it to /api/v1/runbooks/{parsed.id}.",
        )
    runbook = await _stored(request, principal, markdown)
    return as_json(await _detail(request, principal, runbook), headers=etag(runbook.version))


@router.post(
    "/{runbook_id}/dry-run",
    summary="What a runbook would do, judged and not run",
    responses={200: {"model": views_wire.Rehearsal}},
    openapi_extra=takes(DryRun, required=False),
)
async def dry_run(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """Each check and step with its target, its manifest and its verdict; `parameters` may give captures, too."""
    body = await read_json(request, DryRun, optional=True)
    library = deps_of(request).agent.library
    if body.text.strip():
        unstored = library.parse(body.text, f"{runbook_id}.md", principal.tenant)
        found = await library.rehearse_unstored(
            principal.tenant, unstored, connection=body.connection, given=body.parameters
        )
    else:
        found = await library.rehearse(principal.tenant, runbook_id, connection=body.connection, given=body.parameters)
    return as_json(rehearsal_json(found))


@router.delete("/{runbook_id}", summary="Delete a runbook", status_code=204, openapi_extra=takes_precondition())
async def delete_runbook(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """It is no longer found; its versions stay, and runs that follow it keep theirs."""
    expected = expected_version(request)
    await deps_of(request).agent.stores.runbooks.delete(principal.tenant, runbook_id, principal.id, expected=expected)
    return Response(status_code=204)


async def _stored(request: Request, principal: Principal, markdown: Markdown) -> Runbook:
    return await deps_of(request).agent.library.put(
        principal,
        markdown.text,
        markdown.path,
        expected=expected_version(request, markdown.expected_version),
        note=markdown.note,
        origin=markdown.origin,
    )


async def _detail(request: Request, principal: Principal, runbook: Runbook) -> wire.RunbookDetail:
    """As it was stored by this request, whatever happened since."""
    listed = await deps_of(request).agent.library.get(principal.tenant, runbook.id)
    return runbook_detail(Listed(runbook=runbook, uses=listed.uses))


async def _markdown(request: Request) -> Markdown:
    if is_json_request(request):
        return await read_json(request, Markdown)
    text = await read_text(request)
    if not text.strip():
        raise InputError("The runbook is empty.", fix="Send its Markdown as the body.")
    return Markdown(text=text)
