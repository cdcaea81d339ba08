"""GET /api/v1/live: told whenever anything of the tenant may have changed, for lists that stay fresh by themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request
from starlette.responses import Response

from opsagent.domain.identity import Principal
from opsagent.errors import OpsAgentError
from opsagent.web import wire
from opsagent.web.auth import Reader, asking
from opsagent.web.bodies import as_json
from opsagent.web.deps import deps_of
from opsagent.web.live import EventStream, looks, streams_of
from opsagent.web.problems import problem

_STREAM = "text/event-stream"
router = APIRouter(prefix="/api/v1/live", tags=["Live"])


@router.get(
    "",
    summary="Hear of changes",
    responses={200: {"model": wire.LiveJson, "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def hear(request: Request, principal: Reader) -> Response:
    """With `Accept: text/event-stream`, events called `look`: read again what you show. Else, that it takes that.

    They carry nothing and may come for nothing: one at once, one after each change, and one a minute; several changes
    may be one. In between a comment every few seconds says that the stream is alive. Where several servers share a
    store, there is one every few seconds.
    """
    if _STREAM not in request.headers.get("accept", ""):
        return as_json({"accept": _STREAM})
    return EventStream(_hints(request, principal), streams_of(request))


async def _hints(request: Request, principal: Principal) -> AsyncGenerator[bytes]:
    async with aclosing(looks(deps_of(request), streams_of(request), principal.tenant)) as hints:
        async for changed in hints:
            try:
                await asking(request, used=False)  # a revoked key, and a session that is over, hear nothing more
            except OpsAgentError as error:
                yield b"event: error\ndata: %b\n\n" % bytes(problem(error).body)
                return
            yield b"event: look\ndata: {}\n\n" if changed else b":\n\n"
