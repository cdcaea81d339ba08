"""The library: versions of runbooks, instructions, imports, and which alert has a runbook that works here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.instruction import Instruction
from opsagent.domain.runbook import DEFAULT_PARAMETER_PATTERN, Parameter
from opsagent.web import library_wire as wire
from opsagent.web.auth import Operator, Reader
from opsagent.web.bodies import Body, FieldName, LongText, ShortText, Text, as_json, read_json, takes
from opsagent.web.deps import deps_of
from opsagent.web.library_views import (
    coverage_report,
    difference_json,
    import_report,
    runbook_detail,
    runbook_json,
    version_detail,
    version_list,
)
from opsagent.web.preconditions import etag, expected_version, takes_precondition
from opsagent.web.runbooks import RunbookId

router = APIRouter(prefix="/api/v1/runbooks", tags=["Runbooks"])
Which = Annotated[str, Path(max_length=64, description="Its number, or the beginning of its hash.")]
Asked = Annotated[str, Query(max_length=64, description="Its number, or the beginning of its hash.")]


class NewParameter(Body):
    """A value from outside; `from` is the alert's label it is taken from."""

    name: FieldName
    pattern: ShortText = DEFAULT_PARAMETER_PATTERN
    source: Annotated[ShortText, Field(alias="from")] = ""
    default: ShortText | None = None
    description: ShortText = ""


class NewInstruction(Body):
    """A runbook of one step. `text` is its command, `executor` its language; `looks`: it only looks."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$")]
    title: Annotated[ShortText, Field(min_length=1)]
    text: Annotated[LongText, Field(min_length=1)]
    executor: Annotated[str, Field(pattern="^(shell|sql|http|aws|powershell)$")] = "shell"
    looks: bool = False
    why: ShortText = ""
    connection: ShortText = ""
    undo: LongText = ""
    matches: Annotated[Text, Field(max_length=500)] = ""
    aliases: Annotated[list[ShortText], Field(default_factory=list, max_length=50)]
    alerts: Annotated[list[ShortText], Field(default_factory=list, max_length=50)]
    parameters: Annotated[list[NewParameter], Field(default_factory=list, max_length=50)]

    def instruction(self) -> Instruction:
        """The noun; what its texts may hold is for the parser of runbooks to say."""
        return Instruction(
            id=self.id,
            title=self.title,
            text=self.text,
            executor=self.executor,
            looks=self.looks,
            why=self.why,
            connection=self.connection,
            undo=self.undo,
            matches=self.matches,
            aliases=tuple(self.aliases),
            alerts=tuple(self.alerts),
            parameters=tuple(
                Parameter(
                    name=one.name,
                    pattern=one.pattern,
                    source=one.source,
                    default=one.default,
                    description=one.description,
                )
                for one in self.parameters
            ),
        )


class FolderImport(Body):
    """A folder the server may import from. `overwrite`: also what came from elsewhere; `disableGone`: what is gone."""

    folder: Annotated[Text, Field(min_length=1, max_length=1000)]
    overwrite: bool = False
    disable_gone: bool = False
    dry_run: bool = False


class AlertRules(Body):
    """The text of a rule file of Prometheus, or the answer of its `/api/v1/rules`; `links`: try their addresses."""

    rules: Annotated[Text, Field(min_length=1)]
    file: ShortText = "rules"
    links: bool = False


class Restore(Body):
    """The version to store again; `expectedVersion` must be the present one, as If-Match is."""

    version: Annotated[ShortText, Field(min_length=1)]
    expected_version: ShortText | None = None


@router.post(
    "/instructions",
    summary="Store an instruction: a runbook of one step",
    status_code=201,
    responses={201: {"model": wire.RunbookDetail}},
    openapi_extra=takes(NewInstruction) | takes_precondition(),
)
async def add_instruction(request: Request, principal: Operator) -> Response:
    """An id that is taken is refused, unless If-Match names its present version."""
    asked = (await read_json(request, NewInstruction)).instruction()
    library = deps_of(request).agent.library
    runbook = await library.instruct(principal, asked, expected=expected_version(request) or "")
    headers = {"Location": f"/api/v1/runbooks/{runbook.id}", **etag(runbook.version)}
    return as_json(runbook_detail(await library.get(principal.tenant, runbook.id)), 201, headers)


@router.post(
    "/import",
    summary="Import a folder of runbooks",
    responses={200: {"model": wire.ImportReport}},
    openapi_extra=takes(FolderImport),
)
async def import_folder(request: Request, principal: Operator) -> Response:
    """Only folders an administrator has named. What has not changed is left alone; each refusal says file and line."""
    body = await read_json(request, FolderImport)
    report = await deps_of(request).agent.library.import_folder(
        principal, body.folder, overwrite=body.overwrite, disable_gone=body.disable_gone, dry_run=body.dry_run
    )
    return as_json(import_report(report))


@router.post(
    "/coverage",
    summary="Which alerts have a runbook that works here",
    responses={200: {"model": wire.CoverageReport}},
    openapi_extra=takes(AlertRules),
)
async def coverage(request: Request, principal: Operator) -> Response:
    """Each runbook is rehearsed on a target its alert could be about: judged, and never run."""
    body = await read_json(request, AlertRules)
    library = deps_of(request).agent.library
    rules = await library.read_rules(body.rules, body.file)
    return as_json(coverage_report(await library.cover(principal.tenant, rules, links=body.links)))


@router.get("/{runbook_id}/versions", summary="All versions of a runbook", responses={200: {"model": wire.VersionList}})
async def list_versions(request: Request, principal: Reader, runbook_id: RunbookId) -> Response:
    """Who stored which, and when; the newest first. Of a deleted runbook, too."""
    versions = await deps_of(request).agent.stores.runbooks.versions(principal.tenant, runbook_id)
    return as_json(version_list(runbook_id, versions))


@router.get(
    "/{runbook_id}/versions/{version}",
    summary="One version of a runbook",
    responses={200: {"model": wire.VersionDetail}},
)
async def get_version(request: Request, principal: Reader, runbook_id: RunbookId, version: Which) -> Response:
    """With `Accept: text/markdown`, the text as it was written."""
    found, runbook = await deps_of(request).agent.library.version(principal.tenant, runbook_id, version)
    if "text/markdown" in request.headers.get("accept", ""):
        return Response(runbook.source, media_type="text/markdown; charset=utf-8", headers=etag(runbook.version))
    return as_json(version_detail(found, runbook), headers=etag(runbook.version))


@router.get(
    "/{runbook_id}/diff",
    summary="What changed between two versions",
    responses={200: {"model": wire.DifferenceJson}},
)
async def diff(
    request: Request, principal: Reader, runbook_id: RunbookId, old: Asked = "", new: Asked = ""
) -> Response:
    """By default from the last version but one to the last."""
    found = await deps_of(request).agent.library.difference(principal.tenant, runbook_id, old, new)
    return as_json(difference_json(runbook_id, found))


@router.post(
    "/{runbook_id}/restore",
    summary="Store an earlier version again",
    responses={200: {"model": wire.RunbookDetail}},
    openapi_extra=takes(Restore) | takes_precondition(),
)
async def restore(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """It becomes the newest version, after it was read by the rules of today; a deleted runbook is there again."""
    body = await read_json(request, Restore)
    library = deps_of(request).agent.library
    expected = expected_version(request, body.expected_version)
    runbook = await library.restore(principal, runbook_id, body.version, expected=expected)
    return as_json(runbook_detail(await library.get(principal.tenant, runbook.id)), headers=etag(runbook.version))


@router.post("/{runbook_id}/enable", summary="Let a runbook be found", responses={200: {"model": wire.RunbookJson}})
async def enable(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """It is found and followed again."""
    return await _switched(request, principal, runbook_id, on=True)


@router.post("/{runbook_id}/disable", summary="Let nobody find it", responses={200: {"model": wire.RunbookJson}})
async def disable(request: Request, principal: Operator, runbook_id: RunbookId) -> Response:
    """It is kept and listed, and neither found nor followed; runs that follow it already go on."""
    return await _switched(request, principal, runbook_id, on=False)


async def _switched(request: Request, principal: Operator, runbook_id: str, *, on: bool) -> Response:
    library = deps_of(request).agent.library
    runbook = await library.enable(principal, runbook_id, on=on)
    return as_json(runbook_json(await library.get(principal.tenant, runbook.id)))
