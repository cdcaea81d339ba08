"""Work handed in by Jira: POST /api/v1/trigger/jira, proven by our secret or by a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from opsagent.domain.identity import DEFAULT_TENANT, Permission
from opsagent.errors import NotFound, Unauthenticated
from opsagent.ports.intake import TriggerSource
from opsagent.web import wire
from opsagent.web.auth import KEY_PREFIX, keyring_of, presented_key, require
from opsagent.web.bodies import as_json
from opsagent.web.deps import deps_of
from opsagent.web.turns import turn_of
from opsagent.web.views import RUNS_PATH, accepted

NAME = "jira"
router = APIRouter(prefix="/api/v1/trigger", tags=["Triggers"])
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"description": "A rule's body, its issue data, or a webhook; see docs/jira.md."}
            }
        },
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraRequest:
    """A request that was let in, as it came, and the tenant it is for."""

    source: TriggerSource
    tenant: str
    raw: bytes


class FromJira:
    """The route's one permission; resolves to the request.

    Raises Unauthenticated, Forbidden, NotFound, TooLarge, RateLimited.
    """

    permission = Permission.POST_SIGNAL

    async def __call__(self, request: Request) -> JiraRequest:
        """The request, if it may come in."""
        deps = deps_of(request)
        raw = await request.body()
        source = deps.triggers.get(NAME)
        if source is not None and source.verify(request.headers, raw, deps.clock.now()):
            turn_of(request).proven(NAME, DEFAULT_TENANT)
            return JiraRequest(source=source, tenant=DEFAULT_TENANT, raw=raw)
        key = presented_key(request)
        if not key.startswith(KEY_PREFIX):
            raise Unauthenticated(
                "This request carries no proof that it comes from your Jira.",
                fix="Set JIRA_WEBHOOK_SECRET here and the same secret there: docs/jira.md says in which header.",
            )
        principal = require(await keyring_of(request).principal(key), self.permission)
        if source is None:
            raise NotFound("Jira is not set up here.", fix="Set JIRA_WEBHOOK_SECRET.")
        turn_of(request).proven(NAME, principal.tenant)
        return JiraRequest(source=source, tenant=principal.tenant, raw=raw)


Proven = Annotated[JiraRequest, Depends(FromJira())]


@router.post(
    "/jira",
    summary="Start a run for a Jira issue",
    status_code=202,
    responses={202: {"model": wire.Accepted}, 200: {"model": wire.Ignored}},
    openapi_extra=_BODY,
)
async def trigger_jira(request: Request, asked: Proven) -> Response:
    """Takes the body of an Automation rule, its "Issue data", and the webhook of a created issue.

    The run is stored when this answers, and its comments go to the issue. The same delivery, or the same words about
    the same issue, make no second run. A webhook about anything else is answered 200 and starts nothing.
    """
    deps = deps_of(request)
    said = asked.source.parse(asked.tenant, request.headers, asked.raw, deps.clock.now())
    if said.trigger is None:
        ignored: wire.Ignored = {"runId": None, "ignored": said.ignored}
        return as_json(ignored)
    run = await deps.agent.submit(said.trigger, key=said.key)
    return as_json(accepted(run), 202, {"Location": f"{RUNS_PATH}/{run.id}"})
