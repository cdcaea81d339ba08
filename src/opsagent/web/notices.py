"""Notices: what people were told, whether it arrived, and the channels it goes by."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from opsagent.domain.notice import NoticeStatus
from opsagent.loop.telling import MAX_ADDRESS_CHARS
from opsagent.web import notices_wire as wire
from opsagent.web.auth import Admin, Looker, Operator, Reader
from opsagent.web.bodies import Body, Text, as_json, idempotency_key, read_json, takes
from opsagent.web.deps import deps_of
from opsagent.web.notices_views import channel_list, notice_detail, notice_json, notice_list, sent_json
from opsagent.web.runs import Listing

router = APIRouter(prefix="/api/v1/notices", tags=["Notices"])
channels = APIRouter(prefix="/api/v1/channels", tags=["Notices"])
NoticeId = Annotated[str, Path(max_length=500)]
ChannelName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,40}$")]


class NoticeFilter(Listing):
    """A list of notices."""

    status: NoticeStatus | None = None
    run_id: str = Field("", max_length=100)
    channel: str = Field("", max_length=100)


class NewTest(Body):
    """Where a test goes; left out, it goes to everybody who is told by the channel."""

    address: Annotated[Text, Field(max_length=MAX_ADDRESS_CHARS)] = ""


@router.get("", summary="List notices, newest first", responses={200: {"model": wire.NoticeList}})
async def list_notices(request: Request, principal: Reader, query: Annotated[NoticeFilter, Query()]) -> Response:
    """Filtered by `status` (pending, sending, delivered, dead), `runId` and `channel`; dead ones were given up."""
    telling = deps_of(request).telling
    page = await telling.list(
        principal.tenant,
        status=query.status,
        run_id=query.run_id,
        channel=query.channel,
        limit=query.limit,
        cursor=query.start,
    )
    return as_json(notice_list(page, telling))


@router.get("/{notice_id}", summary="One notice", responses={200: {"model": wire.NoticeDetail}})
async def get_notice(request: Request, principal: Looker, notice_id: NoticeId) -> Response:
    """With what it says."""
    telling = deps_of(request).telling
    return as_json(notice_detail(await telling.get(principal.tenant, notice_id), telling))


@router.post(
    "/{notice_id}/resend", summary="Send a notice again", status_code=202, responses={202: {"model": wire.NoticeJson}}
)
async def resend_notice(request: Request, principal: Operator, notice_id: NoticeId) -> Response:
    """One that was given up or delivered, with all its tries. It says that it may be a repeat where it may be one."""
    telling = deps_of(request).telling
    return as_json(notice_json(await telling.resend(principal, notice_id), telling), 202)


@channels.get("", summary="List channels", responses={200: {"model": wire.ChannelList}})
async def list_channels(request: Request, principal: Reader) -> Response:
    """The ways out that are set up, and who is told by each. Addresses come without what may be secret."""
    return as_json(channel_list(deps_of(request).telling, principal.tenant))


@channels.post(
    "/{name}/test",
    summary="Send a test",
    status_code=202,
    responses={202: {"model": wire.TestSent}},
    openapi_extra=takes(NewTest, required=False, idempotent=True),
)
async def test_channel(request: Request, principal: Admin, name: ChannelName) -> Response:
    """It goes the way of every notice, with retries; `GET /api/v1/notices/{id}` says whether it arrived."""
    body = await read_json(request, NewTest, optional=True)
    telling = deps_of(request).telling
    sent = await telling.test(principal, name, body.address, key=idempotency_key(request) or "")
    return as_json(sent_json(sent, telling), 202)
