"""The chat: conversations, messages, and what happens as it happens. No message decides anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.conversation import Line
from opsagent.domain.identity import Permission, Principal
from opsagent.errors import OpsAgentError
from opsagent.loop.agent import Agent
from opsagent.loop.conversations import chat_of
from opsagent.web import conversations_wire as wire
from opsagent.web.auth import Operator, Reader, asking
from opsagent.web.bodies import Body, Parameters, ShortText, Text, as_json, idempotency, read_json, takes
from opsagent.web.conversations_views import conversation_json, conversation_list, line_json, line_run_json
from opsagent.web.deps import deps_of
from opsagent.web.live import EventStream, changes, streams_of
from opsagent.web.problems import problem
from opsagent.web.runs import Listing, resume_at
from opsagent.web.views import event_json

PATH = "/api/v1/conversations"
router = APIRouter(prefix=PATH, tags=["Chat"])
ConversationId = Annotated[str, Path(max_length=100)]
_FOLLOWED = 3  # runs of one conversation told live, the newest
_AT_ONCE = 200


class Message(Body):
    """What a person says."""

    text: Annotated[Text, Field(min_length=1, description="At most 10,000 characters. It asks; it never decides.")]


class Start(Body):
    """Which offer."""

    line: Annotated[int, Field(ge=1, le=2**31, description="The number of a line of the kind `offer`.")]
    only_looks: Annotated[bool, Field(description="Execute its proven reads and nothing else.")] = False
    connection: ShortText = ""
    parameters: Annotated[Parameters, Field(default_factory=dict)]


class WhoseList(Listing):
    """A list of conversations."""

    everybody: bool = False


@router.get("", summary="List conversations, newest first", responses={200: {"model": wire.ConversationList}})
async def list_conversations(request: Request, principal: Reader, query: Annotated[WhoseList, Query()]) -> Response:
    """Yours; an admin sees those of the tenant with `everybody=true`."""
    page = await chat_of(deps_of(request).agent).list(
        principal, everybody=query.everybody, limit=query.limit, cursor=query.start
    )
    return as_json(conversation_list(page))


@router.post("", summary="Begin a conversation", status_code=201, responses={201: {"model": wire.ConversationJson}})
async def begin_conversation(request: Request, principal: Reader) -> Response:
    """It is yours, and kept until nobody has added to it for 30 days."""
    begun = await chat_of(deps_of(request).agent).begin(principal)
    return as_json(conversation_json(begun), 201, {"Location": f"{PATH}/{begun.id}"})


@router.get(
    "/{conversation_id}",
    summary="One conversation",
    responses={200: {"model": wire.LineList, "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def get_conversation(
    request: Request,
    principal: Reader,
    conversation_id: ConversationId,
    after: Annotated[int, Query(ge=0, le=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> Response:
    """Its lines above a number, each with its run as it is now.

    With `Accept: text/event-stream`: the lines (`id:` is their number) and each new one; `run` events tell the
    timelines of its newest runs, `status` events where those stand and what they wait for. A client that comes back
    sends `Last-Event-ID`, misses no line, and drops the run events whose `sequence` it has.
    """
    deps = deps_of(request)
    found = await chat_of(deps.agent).get(principal, conversation_id)
    if "text/event-stream" in request.headers.get("accept", ""):
        telling = _Telling(request=request, principal=principal, conversation_id=found.id)
        return EventStream(telling.events(resume_at(request, after)), streams_of(request))
    lines = await chat_of(deps.agent).lines(principal, found.id, after=after, limit=limit)
    answer: wire.LineList = {
        "conversation": conversation_json(found),
        "lines": [await line_json(deps.agent, principal, line) for line in lines],
        "nextAfter": lines[-1].number if len(lines) == limit else None,
    }
    return as_json(answer)


@router.post(
    "/{conversation_id}/messages",
    summary="Say something",
    responses={200: {"model": wire.SaidJson}},
    openapi_extra=takes(Message, idempotent=True),
)
async def post_message(request: Request, principal: Reader, conversation_id: ConversationId) -> Response:
    """A question is answered from what is known; looking and doing need the role operator and go through a run.

    Words decide nothing: a run's question is answered where every question is.
    """
    body = await read_json(request, Message)
    agent = deps_of(request).agent
    message, reply = await chat_of(agent).say(principal, conversation_id, body.text, key=idempotency(request, body))
    answer: wire.SaidJson = {
        "message": await line_json(agent, principal, message),
        "reply": await line_json(agent, principal, reply),
    }
    return as_json(answer)


@router.post(
    "/{conversation_id}/start",
    summary="Start what was offered",
    status_code=202,
    responses={202: {"model": wire.LineJson}},
    openapi_extra=takes(Start),
)
async def start_offer(request: Request, principal: Operator, conversation_id: ConversationId) -> Response:
    """A run of the offered runbook, judged and asked about like any. The same offer again is the same run."""
    body = await read_json(request, Start)
    agent = deps_of(request).agent
    started = await chat_of(agent).start(
        principal,
        conversation_id,
        body.line,
        looks=body.only_looks,
        connection=body.connection,
        parameters=body.parameters,
    )
    return as_json(await line_json(agent, principal, started), 202)


@router.delete("/{conversation_id}", summary="Remove a conversation", status_code=204)
async def delete_conversation(request: Request, principal: Reader, conversation_id: ConversationId) -> Response:
    """With its lines; the runs that came of it stay, and go on."""
    await chat_of(deps_of(request).agent).delete(principal, conversation_id)
    return Response(status_code=204)


@dataclass(slots=True, kw_only=True)
class _Telling:
    """One stream: what was told already. Everything is read from the store; hints only say when to look."""

    request: Request
    principal: Principal
    conversation_id: str
    _told: dict[str, int] = field(default_factory=dict)  # run id -> the newest sequence
    _stood: dict[str, bytes] = field(default_factory=dict)

    @property
    def _agent(self) -> Agent:
        return deps_of(self.request).agent

    async def events(self, after: int) -> AsyncGenerator[bytes]:
        """Lines, run events and status until the client, the key, the conversation or the server goes."""
        request, tenant = self.request, self.principal.tenant
        async with aclosing(changes(deps_of(request), streams_of(request), tenant, "")) as hints:
            async for _ in hints:
                try:
                    await asking(request, used=False)  # a revoked key, and a session that is over, hear nothing more
                    for line in await self._fresh(after):
                        after = line.number
                        said = await line_json(self._agent, self.principal, line)
                        yield b"id: %d\nevent: line\ndata: %b\n\n" % (line.number, orjson.dumps(said))
                    async for told in self._runs(after):
                        yield told
                except OpsAgentError as error:
                    yield b"event: error\ndata: %b\n\n" % bytes(problem(error).body)
                    return
                yield b": still here\n\n"

    async def _fresh(self, after: int) -> list[Line]:
        found: list[Line] = []
        while some := await chat_of(self._agent).lines(
            self.principal, self.conversation_id, after=after, limit=_AT_ONCE
        ):
            found += some
            after = some[-1].number
        return found

    async def _runs(self, newest: int) -> AsyncGenerator[bytes]:
        """What is new in the newest runs of the last lines."""
        lines = await chat_of(self._agent).lines(
            self.principal, self.conversation_id, after=max(0, newest - _AT_ONCE), limit=_AT_ONCE
        )
        for run_id in [line.run_id for line in lines if line.run_id][-_FOLLOWED:]:
            # Where it stands is read before its events: whatever was written with its end is then among them.
            stands = await line_run_json(self._agent, self.principal, run_id)
            async for told in self._timeline(run_id):
                yield told
            status = orjson.dumps(stands)
            if self._stood.get(run_id) != status:
                self._stood[run_id] = status
                yield b"event: status\ndata: %b\n\n" % status

    async def _timeline(self, run_id: str) -> AsyncGenerator[bytes]:
        look = self.principal.may(Permission.LOOK)
        while fresh := await self._agent.stores.journal.events(
            self.principal.tenant, run_id, after=self._told.get(run_id, 0), limit=_AT_ONCE
        ):
            for event in fresh:
                said: Mapping[str, object] = {**event_json(event, look=look), "runId": run_id}
                yield b"event: run\ndata: %b\n\n" % orjson.dumps(said)
            self._told[run_id] = fresh[-1].sequence
