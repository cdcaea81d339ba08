"""POST /mcp: OpsAgent as an MCP server over streamable HTTP, behind the same keys; one message, one answer, no session.

A stream from us to the client is not offered, which the protocol allows: a GET is answered 405.
"""

from __future__ import annotations

import asyncio
import importlib
from types import ModuleType

from fastapi import APIRouter, Request
from starlette.responses import Response

from opsagent.errors import ConfigurationError
from opsagent.web.auth import Reader
from opsagent.web.bodies import is_json_request
from opsagent.web.deps import deps_of
from opsagent.web.problems import Malformed, WrongMediaType

router = APIRouter(tags=["MCP"])
_BODY = {"description": "One JSON-RPC message of the Model Context Protocol.", "type": "object"}


@router.post(
    "/mcp",
    summary="Speak MCP",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}}},
)
async def speak(request: Request, principal: Reader) -> Response:
    """One message of the protocol. Each tool needs a permission of its own; none of them answers an approval."""
    if not is_json_request(request):
        raise WrongMediaType("This route takes JSON.", fix="Send the header Content-Type: application/json.")
    raw = await request.body()
    session = await asyncio.to_thread(_session)  # the SDK takes a second to load, the first time
    try:
        message = session.wire.JSONRPCMessage.model_validate_json(raw)
    except ValueError:
        raise Malformed("The body is no message of MCP.", fix="Send one JSON-RPC 2.0 message.") from None
    deps = deps_of(request)
    server = session.server_for(deps.agent, principal, deps.config.version)
    answer = await session.answered(server, message)
    if answer is None:
        return Response(status_code=202)
    return Response(answer.model_dump_json(by_alias=True, exclude_none=True), media_type="application/json")


def _session() -> ModuleType:
    try:
        return importlib.import_module("opsagent.web.mcp_session")
    except ModuleNotFoundError as error:
        raise ConfigurationError("The MCP SDK is not installed.", fix="pip install 'opsagent[mcp]'") from error
