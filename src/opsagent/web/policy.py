"""What would the policy say? Nothing is executed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Reader
from opsagent.web.bodies import Body, LongText, ShortText, as_json, read_json, takes
from opsagent.web.deps import deps_of
from opsagent.web.views import verdict_json

router = APIRouter(prefix="/api/v1/policy", tags=["Policy"])


class Question(Body):
    """Commands as text, and the connection they would run on (the sandbox when empty)."""

    commands: Annotated[list[LongText], Field(min_length=1, max_length=100)]
    connection: ShortText = ""


@router.post(
    "/explain",
    summary="Judge commands without running them",
    responses={200: {"model": wire.Verdicts}},
    openapi_extra=takes(Question),
)
async def explain(request: Request, principal: Reader) -> Response:
    """ALLOW, ASK or DENY for each command, by which rule, why, and what it would do."""
    body = await read_json(request, Question)
    verdicts = await deps_of(request).agent.explain(principal.tenant, body.commands, body.connection)
    judged = zip(body.commands, verdicts, strict=True)
    return as_json({"verdicts": [verdict_json(command, verdict) for command, verdict in judged]})
