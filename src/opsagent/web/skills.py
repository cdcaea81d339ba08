"""Skills: what people wrote down for models about one kind of work; to be read, never run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from opsagent.web import skill_wire as wire
from opsagent.web.auth import Reader
from opsagent.web.bodies import as_json
from opsagent.web.deps import deps_of
from opsagent.web.skill_views import skill_detail, skill_list

router = APIRouter(prefix="/api/v1/skills", tags=["Skills"])
SkillName = Annotated[str, Path(max_length=100)]


@router.get("", summary="List skills", responses={200: {"model": wire.SkillList}})
async def list_skills(request: Request, principal: Reader) -> Response:  # noqa: ARG001 - they are the installation's
    """By name. What could not be read is listed in `unread`, with the reason."""
    return as_json(skill_list(await deps_of(request).agent.skills.all()))


@router.get("/{name}", summary="One skill", responses={200: {"model": wire.SkillDetail}})
async def get_skill(request: Request, principal: Reader, name: SkillName) -> Response:  # noqa: ARG001 - as above
    """Its text and the names of its further files."""
    return as_json(skill_detail(await deps_of(request).agent.skills.get(name)))


@router.get("/{name}/file", summary="A further file of a skill", responses={200: {"model": wire.SkillFile}})
async def get_file(
    request: Request,
    principal: Reader,  # noqa: ARG001 - as above
    name: SkillName,
    path: Annotated[str, Query(min_length=1, max_length=500)],
) -> Response:
    """One of the names in `files`, as text."""
    return as_json({"path": path, "text": await deps_of(request).agent.skills.read(name, path)})
