"""WS /ws/approvals/{session_id}: a session as it is, then every change, until it ends."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from opsagent.domain.identity import Permission, Principal
from opsagent.errors import OpsAgentError, Unauthenticated
from opsagent.web.agent_sessions import session
from opsagent.web.auth import KEY_PREFIX, keyring_of, presented_key, require
from opsagent.web.deps import deps_of
from opsagent.web.doorman import doorman_of, session_of
from opsagent.web.live import SEND_TIMEOUT_S, changes, streams_of
from opsagent.web.views import event_json, thinking_json

router = APIRouter()
PROTOCOL = "opsagent"
FIRST_MESSAGE_S = 10.0
_MAX_FIRST_MESSAGE = 1000
_EVENTS_AT_ONCE = 500
# RFC 6455, section 7.4.1. A refusal closes with 4000 + the HTTP status, from the range for applications.
NORMAL, GOING_AWAY, REFUSED = 1000, 1001, 4000


class Gate:
    """The socket's one permission, and the key it came with: in a header, as a subprotocol, or in its first message."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, connection: HTTPConnection) -> str:
        """The key that came with the opening request, or empty: a session, or a key in the first message.

        Both are checked if they are there. Unauthenticated, Forbidden.
        """
        secret = presented_key(connection) or next(
            (one for one in connection.scope.get("subprotocols", ()) if one.startswith(KEY_PREFIX)), ""
        )
        if secret or doorman_of(connection).session_id(connection):
            await self._known(connection, secret)
        return secret

    async def principal(self, connection: HTTPConnection, secret: str) -> Principal:
        """Who holds the key, or without one, whose session it is. Unauthenticated, Forbidden."""
        found = await self._known(connection, secret)
        if found is None:
            raise Unauthenticated("This session is over.", fix="Sign in again.")
        return found

    async def _known(self, connection: HTTPConnection, secret: str) -> Principal | None:
        if secret:
            return require(await keyring_of(connection).principal(secret), self.permission)
        signed_in = await doorman_of(connection).signed_in(connection)
        return require(signed_in.principal, self.permission) if signed_in else None


GATE = Gate(Permission.READ)


@router.websocket("/ws/approvals/{session_id}")
async def approvals(
    socket: WebSocket, session_id: Annotated[str, Path(max_length=100)], secret: Annotated[str, Depends(GATE)]
) -> None:
    """Watch one session. It says nothing but what the same key may read over HTTP, and takes no orders."""
    with streams_of(socket).place():
        await socket.accept(PROTOCOL if PROTOCOL in socket.scope.get("subprotocols", ()) else None)
        try:
            if not secret and session_of(socket) is None:
                secret = await _first_message(socket)
                await GATE.principal(socket, secret)
            sender = asyncio.create_task(_serve(socket, session_id, secret))
            gone = asyncio.create_task(_gone(socket))
            try:
                await asyncio.wait({sender, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sender.cancel()
                gone.cancel()
                await asyncio.gather(sender, gone, return_exceptions=True)
            if not sender.cancelled():
                sender.result()
        except OpsAgentError as error:
            await _close(socket, REFUSED + error.status, error.message)
        except (WebSocketDisconnect, TimeoutError, OSError):
            return  # the client is gone, or takes nothing


async def _serve(socket: WebSocket, run_id: str, secret: str) -> None:
    deps, shown, after = deps_of(socket), b"", 0
    async with aclosing(
        changes(deps, streams_of(socket), (await GATE.principal(socket, secret)).tenant, run_id)
    ) as hints:
        async for passing in hints:
            principal = await GATE.principal(socket, secret)  # a revoked key hears nothing more
            look = principal.may(Permission.LOOK)
            state = await session(deps.agent, principal, run_id)
            ended = state["completedAt"] is not None
            while events := await deps.agent.stores.journal.events(
                principal.tenant, run_id, after=after, limit=_EVENTS_AT_ONCE
            ):
                for event in events if shown else ():
                    await _send(socket, {"type": "event", "event": event_json(event, look=look)})
                after = events[-1].sequence
            if passing is not None and look and shown:
                await _send(socket, {"type": "thinking", "thinking": thinking_json(passing)})
            packed = orjson.dumps(state)
            if packed != shown:
                await _send(socket, {"type": "change" if shown else "snapshot", "session": state})
                shown = packed
            if ended:
                await _send(socket, {"type": "end", "status": state["status"]})
                await _close(socket, NORMAL, "the session has ended")
                return
    await _close(socket, GOING_AWAY, "the server goes down; come back")


async def _first_message(socket: WebSocket) -> str:
    """The key a browser sends as `{"key": "opsa_..."}`, as it cannot set headers. Unauthenticated."""
    try:
        async with asyncio.timeout(FIRST_MESSAGE_S):
            text = await socket.receive_text()
    except TimeoutError:
        text = ""
    except KeyError:  # a binary message
        text = ""
    try:
        message: Any = orjson.loads(text[:_MAX_FIRST_MESSAGE])
    except orjson.JSONDecodeError:
        message = None
    key = message.get("key") if isinstance(message, dict) else None
    if not isinstance(key, str):
        raise Unauthenticated('The first message must be {"key": "opsa_..."}.')
    return key


async def _gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


async def _send(socket: WebSocket, message: dict[str, Any]) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await socket.send_text(orjson.dumps(message).decode())


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.close(code, reason[:120])  # a close frame carries at most 123 bytes
