"""Tickets: webhooks of monitoring systems in, tickets out, and what a person does with them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.identity import Principal
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal, SignalStatus, TicketStatus
from opsagent.errors import IdempotencyMismatch
from opsagent.loop.merging import merge_tickets
from opsagent.ports.tickets import Joined
from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Approver, Operator, Poster, Reader
from opsagent.web.bodies import (
    Body,
    LongText,
    ShortText,
    Text,
    as_json,
    idempotency_key,
    read_json,
    takes,
)
from opsagent.web.catalogue_views import (
    feedback_json,
    ticket_detail,
    ticket_json,
    ticket_list,
)
from opsagent.web.deliveries import Handed
from opsagent.web.deps import WebDeps, deps_of
from opsagent.web.intake_views import taken_json
from opsagent.web.runs import Listing

router = APIRouter(prefix="/api/v1/tickets", tags=["Tickets"])
TicketId = Annotated[str, Path(max_length=100)]
_ANY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"description": "What the source sends; see its own documents."}}},
    }
}


class DemoTicket(Body):
    """A ticket as a monitoring system would report it."""

    title: Annotated[Text, Field(min_length=1, max_length=500)]
    description: LongText = ""
    severity: Priority = Priority.MEDIUM
    environment: ShortText = "prod"
    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] = "demo"
    name: Annotated[ShortText, Field(description="The alert's name; runbooks are found by it. The title if empty.")] = (
        ""
    )
    labels: Annotated[dict[ShortText, ShortText], Field(default_factory=dict, max_length=50)]


class Change(Body):
    """Why."""

    reason: LongText = ""


class Merge(Body):
    """The ticket that goes on."""

    into: Annotated[ShortText, Field(min_length=1)]


class Word(Body):
    """What a person says of a ticket."""

    verdict: Literal["real", "noise"]
    note: Annotated[Text, Field(max_length=2000)] = ""


class TicketFilter(Listing):
    """A list of tickets."""

    status: TicketStatus | None = None
    priority: Priority | None = None


@router.post(
    "/webhook/{source}",  # noqa: FAST003  # `Handed` takes it
    summary="Hand in a monitoring system's delivery",
    status_code=202,
    responses={202: {"model": wire.Received}},
    openapi_extra=_ANY_BODY,
)
async def receive(request: Request, delivery: Handed) -> Response:
    """Each signal joins the open ticket of its fingerprint or makes one, with its run; all stored when this answers.

    A delivery that cannot be read is kept in quarantine, and the answer says which field is wrong.
    """
    intake = deps_of(request).intake
    return as_json(
        taken_json(await intake.deliver(delivery.tenant, delivery.source, request.headers, delivery.raw)), 202
    )


@router.post(
    "/demo/ticket",
    summary="Make a ticket by hand",
    status_code=201,
    responses={201: {"model": wire.TicketJson}},
    openapi_extra=takes(DemoTicket, idempotent=True),
)
async def demo_ticket(request: Request, principal: Poster) -> Response:
    """Goes the way of a webhook's signal: the same problem reported again joins the open ticket."""
    body = await read_json(request, DemoTicket)
    deps = deps_of(request)
    signal = _signal(deps, principal, body, idempotency_key(request))
    (joined,) = await deps.agent.receive(principal.tenant, (signal,))
    if joined.duplicate:
        await _same_request(deps, joined, signal)
    ticket = await deps.agent.stores.tickets.get(principal.tenant, joined.ticket.id)
    return as_json(ticket_json(ticket), 201, {"Location": f"/api/v1/tickets/{ticket.id}"})


@router.get("/demo/tickets", summary="List tickets, newest first", responses={200: {"model": wire.TicketList}})
async def demo_tickets(request: Request, principal: Reader, query: Annotated[TicketFilter, Query()]) -> Response:
    """The same list at another address."""
    return await list_tickets(request, principal, query)


@router.get("", summary="List tickets, newest first", responses={200: {"model": wire.TicketList}})
async def list_tickets(request: Request, principal: Reader, query: Annotated[TicketFilter, Query()]) -> Response:
    """The tenant's tickets, filtered by status and priority."""
    page = await deps_of(request).agent.stores.tickets.list(
        principal.tenant, status=query.status, priority=query.priority, limit=query.limit, cursor=query.start
    )
    return as_json(ticket_list(page))


@router.get("/{ticket_id}", summary="One ticket", responses={200: {"model": wire.TicketDetail}})
async def get_ticket(request: Request, principal: Reader, ticket_id: TicketId) -> Response:
    """With what triage concluded, its alerts, the latest signals, what a person said, and what was done to it."""
    stores, tenant = deps_of(request).agent.stores, principal.tenant
    ticket = await stores.tickets.get(tenant, ticket_id)
    alerts = await stores.triage.members(tenant, ticket_id)
    signals = await stores.tickets.signals(tenant, ticket_id)
    acts = await stores.audit.of_ticket(tenant, ticket_id, since=ticket.created_at)
    return as_json(ticket_detail(ticket, alerts, signals, await stores.triage.said(tenant, ticket_id), acts))


@router.post(
    "/{ticket_id}/close",
    summary="Close a ticket",
    responses={200: {"model": wire.TicketJson}},
    openapi_extra=takes(Change, required=False),
)
async def close(request: Request, principal: Operator, ticket_id: TicketId) -> Response:
    """A person says that it is over."""
    body = await read_json(request, Change, optional=True)
    agent = deps_of(request).agent
    return as_json(ticket_json(await agent.close_ticket(principal, ticket_id, reason=body.reason)))


@router.post(
    "/{ticket_id}/reopen",
    summary="Reopen a ticket",
    responses={200: {"model": wire.TicketJson}},
    openapi_extra=takes(Change, required=False),
)
async def reopen(request: Request, principal: Operator, ticket_id: TicketId) -> Response:
    """A person says that it is not over."""
    body = await read_json(request, Change, optional=True)
    agent = deps_of(request).agent
    return as_json(ticket_json(await agent.close_ticket(principal, ticket_id, reopen=True, reason=body.reason)))


@router.post(
    "/{ticket_id}/merge",
    summary="Merge a ticket into another",
    responses={200: {"model": wire.TicketJson}},
    openapi_extra=takes(Merge),
)
async def merge(request: Request, principal: Operator, ticket_id: TicketId) -> Response:
    """A person says that both are one problem. Answers the one that goes on; the first is closed, for good.

    Its alerts and signals move along, and what comes of them from now on. Its run is cancelled if it only waits.
    """
    body = await read_json(request, Merge)
    agent = deps_of(request).agent
    return as_json(ticket_json(await merge_tickets(agent, principal, ticket_id, body.into)))


@router.post(
    "/{ticket_id}/feedback",
    summary="Say whether a ticket was real",
    responses={200: {"model": wire.FeedbackJson}},
    openapi_extra=takes(Word),
)
async def feedback(request: Request, principal: Approver, ticket_id: TicketId) -> Response:
    """It closes nothing. Triage learns from it, and the share of wrong closes is counted by it."""
    body = await read_json(request, Word)
    said = await deps_of(request).agent.say(principal, ticket_id, real=body.verdict == "real", note=body.note)
    return as_json(feedback_json(said))


@router.post("/{ticket_id}/take", summary="Take a ticket over", responses={200: {"model": wire.TicketJson}})
async def take(request: Request, principal: Approver, ticket_id: TicketId) -> Response:
    """You have it: the agent changes nothing more for it until you hand it back. What runs now is not ended."""
    return as_json(ticket_json(await deps_of(request).agent.take_over(principal, ticket_id)))


@router.post("/{ticket_id}/hand-back", summary="Hand a ticket back", responses={200: {"model": wire.TicketJson}})
async def hand_back(request: Request, principal: Approver, ticket_id: TicketId) -> Response:
    """The agent goes on where it parked; everything is judged and measured anew."""
    return as_json(ticket_json(await deps_of(request).agent.take_over(principal, ticket_id, back=True)))


def _signal(deps: WebDeps, principal: Principal, body: DemoTicket, key: str | None) -> Signal:
    """The fingerprint is what makes it the same problem: name, environment, source and labels."""
    name = body.name or body.title
    identity = orjson.dumps([name, body.environment, body.source, body.labels], option=orjson.OPT_SORT_KEYS)
    now = deps.clock.now()
    return Signal(
        id=deps.ids.uuid(),
        tenant=principal.tenant,
        source=body.source,
        fingerprint=hashlib.sha256(identity).hexdigest(),
        name=name,
        status=SignalStatus.FIRING,
        delivery=f"key:{key}" if key is not None else deps.ids.uuid(),
        title=body.title,
        description=body.description,
        priority=body.severity,
        environment=body.environment,
        labels=dict(body.labels),
        starts_at=now,
        received_at=now,
    )


async def _same_request(deps: WebDeps, joined: Joined, signal: Signal) -> None:
    """What the key was used for before must be what is asked now. IdempotencyMismatch."""
    asked = (signal.fingerprint, signal.title, signal.description, signal.priority)
    for earlier in await deps.agent.stores.tickets.signals(signal.tenant, joined.ticket.id):
        made = (earlier.fingerprint, earlier.title, earlier.description, earlier.priority)
        if earlier.delivery == signal.delivery and made != asked:
            raise IdempotencyMismatch("This Idempotency-Key was used for another ticket.", fix="Use a new key.")
