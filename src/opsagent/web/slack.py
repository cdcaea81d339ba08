"""Slack's two doors: the slash command and the buttons. Both prove themselves by Slack's signature, never by a key."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.background import BackgroundTask
from starlette.responses import Response

from opsagent.domain.approval import ApprovalStatus
from opsagent.domain.chat_user import user_id
from opsagent.domain.identity import Permission, Principal
from opsagent.domain.message import Message, MessageKind, of_question
from opsagent.domain.run import Mode, Source
from opsagent.domain.trigger import Trigger
from opsagent.errors import Disabled, Forbidden, OpsAgentError
from opsagent.ports.chat import Chat, Pressed, Wish
from opsagent.ports.stores import IdempotencyKey
from opsagent.web.acknowledged import Reactions, reactions_of
from opsagent.web.auth import require
from opsagent.web.bodies import as_json
from opsagent.web.deps import WebDeps, deps_of
from opsagent.web.turns import turn_of

SLACK = "slack"
_INVALID = {"error": "Invalid signature"}  # S1, word for word
_SIGNED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Taken, or told in words why not", "content": {"application/json": {"schema": {}}}},
    503: {"description": "Intake is switched off", "content": {"application/json": {"schema": {}}}},
    401: {
        "description": "Not signed by Slack, or too long ago",
        "content": {"application/json": {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}}},
    },
}
_STRANGER = "This Slack workspace is not registered here. Ask an admin: opsagent slack workspace {}"
log = logging.getLogger(__name__)


class Signed:
    """The two routes' one permission; resolves to the raw body, which `SignedRoute` has verified by then."""

    permission = Permission.POST_SIGNAL

    async def __call__(self, request: Request) -> bytes:
        """The body."""
        return await request.body()


class SignedRoute(APIRoute):
    """Lets in what Slack signed: the raw body is read and verified before anything of it is looked at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls to build the route."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            raw, deps = await request.body(), deps_of(request)
            chat = deps.chats.get(SLACK)
            if chat is not None and chat.verify(request.headers, raw, deps.clock.now()):
                turn_of(request).proven(SLACK)  # Slack signs for the app, not for a workspace
                answer: Response = await endpoint(request, raw)
                return answer
            if chat is not None and chat.is_check(raw):
                return Response(status_code=200)
            return as_json(_INVALID, 401)

        return handle


router = APIRouter(tags=["Slack"], route_class=SignedRoute)
Raw = Annotated[bytes, Depends(Signed())]


@router.post("/api/v1/trigger/slack", summary="Start a run by a slash command", responses=_SIGNED)
async def trigger_slack(request: Request, raw: Raw) -> Response:
    """The run is stored when this answers, and the answer is for whoever typed the command only.

    Proof: `X-Slack-Signature` over the raw body, at most 300 s old; else 401 `{"error": "Invalid signature"}` and no
    run. The same `trigger_id` makes one run, however often it is handed in. What cannot be taken is answered with 200
    and words, because Slack shows people nothing else; so is an empty task. 503 where intake is switched off.
    """
    deps = deps_of(request)
    chat = deps.chats[SLACK]
    if chat.is_check(raw):
        return Response(status_code=200)
    try:
        return as_json(await _started(deps, chat, request, raw))
    except OpsAgentError as error:
        log.warning("A slash command was not taken: %s", error.message)
        said = chat.words(f"⚠️ Not started: {error.message} {error.fix}".strip())
        return as_json(said, error.status if isinstance(error, Disabled) else 200)


@router.post("/api/v1/slack/interactions", summary="Take a click on a button", responses=_SIGNED)
async def interactions(request: Request, raw: Raw) -> Response:
    """Answers 200 at once; what became of the click is said in Slack.

    Proof: as for the slash command. The user must be linked to a person (`opsagent slack link`) whose role carries what
    the button does (operator for "I am looking"); a decision is bound to the digest that was shown.
    """
    deps = deps_of(request)
    chat = deps.chats[SLACK]
    pressed = chat.pressed(raw)
    if pressed.wish is Wish.NOTHING:
        return Response(status_code=200)
    said = await _decided(deps, chat, pressed, reactions_of(request))
    return Response(status_code=200, background=BackgroundTask(chat.answer, pressed, said) if said else None)


async def _started(deps: WebDeps, chat: Chat, request: Request, raw: bytes) -> object:
    heard = chat.heard(request.headers, raw)
    if not heard.text.strip():
        return chat.words("")
    tenant = await deps.agent.stores.chat_users.tenant_of(SLACK, heard.workspace)
    if tenant is None:
        return chat.words(_STRANGER.format(heard.workspace))
    trigger = Trigger(
        tenant=tenant,
        source=Source.SLACK,
        text=heard.text,
        requested_by=user_id(SLACK, heard.workspace, heard.user),
        mode=Mode.AUTO,
        reply_to=heard.reply_to,
        details=heard.details,
    )
    key = IdempotencyKey(key=heard.key, request_sha256=heard.request_sha256)
    run = await deps.agent.submit(trigger, key=key)
    return chat.accepted(run.id, run.task)


async def _decided(deps: WebDeps, chat: Chat, pressed: Pressed, reactions: Reactions) -> str | Message:
    """What is said about a click; empty when a window says it."""
    try:
        principal = await _person(deps, pressed)
        if pressed.wish is Wish.LOOKING:
            return await _looking(deps, pressed, principal, reactions)
        if pressed.wish is Wish.SHOW:
            return await _show(deps, chat, pressed, require(principal, Permission.READ))
        grant = pressed.wish is Wish.APPROVE
        agent = deps.agent
        approval = await agent.decide(
            principal, pressed.approval_id, grant=grant, notes="by a button in Slack", digest=pressed.digest
        )
        if approval.status is ApprovalStatus.PENDING:
            return f"Your yes is noted. {approval.missing} more must approve before it runs."
        run = await agent.stores.runs.get(principal.tenant, approval.run_id)
        return of_question(MessageKind.ANSWERED, run, approval, deps.clock.now())
    except OpsAgentError as error:
        return f"{error.message} {error.fix}".strip()


async def _looking(deps: WebDeps, pressed: Pressed, principal: Principal, reactions: Reactions) -> Message:
    """The message as it reads from now on."""
    asked_at = deps.clock.now()
    done = await deps.agent.escalations.acknowledge(principal, pressed.escalation_id)
    reactions.note(done, principal.id, asked_at)
    return await deps.agent.escalations.message(principal.tenant, done.id)


async def _person(deps: WebDeps, pressed: Pressed) -> Principal:
    """Who clicked. Forbidden for a user nobody linked, and for one of another workspace."""
    members = deps.agent.stores.chat_users
    tenant = await members.tenant_of(SLACK, pressed.workspace)
    if tenant is None:
        raise Forbidden("This Slack workspace is not registered here.", fix="Ask an admin: opsagent slack workspace ID")
    member = await members.find(tenant, SLACK, pressed.user)
    if member is None or not member.is_user(pressed.user_workspace, pressed.user):
        raise Forbidden(
            "You are not linked to a person here, so you decide nothing; nothing was changed.",
            fix=f"Ask an admin: opsagent slack link {pressed.user} NAME --role approver",
        )
    return member.principal()


async def _show(deps: WebDeps, chat: Chat, pressed: Pressed, principal: Principal) -> str:
    approval = await deps.agent.stores.approvals.get(principal.tenant, pressed.approval_id)
    return await chat.show(pressed, approval)
