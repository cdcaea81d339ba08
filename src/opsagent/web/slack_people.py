"""Who the users of Slack are here, and whose its workspaces; admins only, and a person is linked only by a person."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.chat_user import ChatUser, Workspace
from opsagent.domain.identity import PrincipalKind, Role
from opsagent.errors import Forbidden
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Admin
from opsagent.web.bodies import Body, as_json, read_json, takes
from opsagent.web.catalogue_views import chat_user_json
from opsagent.web.deps import deps_of
from opsagent.web.keys import NAME
from opsagent.web.slack import SLACK

router = APIRouter(prefix="/api/v1/slack", tags=["Slack"])
SLACK_ID = r"^[A-Z0-9]{1,40}$"
SlackId = Annotated[str, Path(pattern=SLACK_ID)]


class ChatUserLink(Body):
    """The person a Slack user is, and what they may do. `workspace` says which workspace's user is meant."""

    person: Annotated[str, Field(pattern=NAME, description="Shown on timelines and in the audit record.")]
    role: Literal["viewer", "operator", "approver", "admin"]
    workspace: Annotated[str, Field(pattern=r"^[A-Z0-9]{0,40}$")] = ""


@router.get("/people", summary="List linked Slack users", responses={200: {"model": wire.ChatUserList}})
async def list_people(request: Request, principal: Admin) -> Response:
    """All of the tenant, by user id."""
    found = await deps_of(request).agent.stores.chat_users.list(principal.tenant, SLACK)
    return as_json({"people": [chat_user_json(one) for one in found]})


@router.put(
    "/people/{user}", summary="Link a Slack user to a person", responses={200: {"model": wire.ChatUserJson}},
    openapi_extra=takes(ChatUserLink),
)  # fmt: skip
async def link_person(request: Request, principal: Admin, user: SlackId) -> Response:
    """From now on a click of this user is that person's. A service cannot do this: it could make itself an approver."""
    body = await read_json(request, ChatUserLink)
    if principal.kind is not PrincipalKind.PERSON:
        raise Forbidden(
            f"{principal.id} is a service; only a person says who a person is.", fix="Have an admin do it by hand."
        )
    member = ChatUser(
        tenant=principal.tenant,
        chat=SLACK,
        user=user,
        person=body.person,
        role=Role(body.role),
        workspace=body.workspace,
    )
    return as_json(chat_user_json(await deps_of(request).agent.stores.chat_users.link(member, principal.id)))


@router.delete("/people/{user}", summary="Unlink a Slack user", status_code=204)
async def unlink_person(request: Request, principal: Admin, user: SlackId) -> Response:
    """From now on this user decides nothing here."""
    await deps_of(request).agent.stores.chat_users.unlink(principal.tenant, SLACK, user, principal.id)
    return Response(status_code=204)


@router.get("/workspaces", summary="List Slack workspaces", responses={200: {"model": wire.WorkspaceList}})
async def list_workspaces(request: Request, principal: Admin) -> Response:
    """Those of the tenant. While none is registered at all, every workspace's commands belong to `default`."""
    found = await deps_of(request).agent.stores.chat_users.workspaces(principal.tenant, SLACK)
    return as_json({"workspaces": [{"workspaceId": one.id, "tenantId": one.tenant} for one in found]})


@router.put("/workspaces/{workspace}", summary="Register a Slack workspace", status_code=204)
async def add_workspace(request: Request, principal: Admin, workspace: SlackId) -> Response:
    """Its commands belong to this tenant from now on, and those of workspaces nobody registered are refused."""
    mine = Workspace(chat=SLACK, id=workspace, tenant=principal.tenant)
    await deps_of(request).agent.stores.chat_users.add_workspace(mine, principal.id)
    return Response(status_code=204)


@router.delete("/workspaces/{workspace}", summary="Forget a Slack workspace", status_code=204)
async def remove_workspace(request: Request, principal: Admin, workspace: SlackId) -> Response:
    """Its commands are refused from now on, as long as another one is registered."""
    mine = Workspace(chat=SLACK, id=workspace, tenant=principal.tenant)
    await deps_of(request).agent.stores.chat_users.remove_workspace(mine, principal.id)
    return Response(status_code=204)
