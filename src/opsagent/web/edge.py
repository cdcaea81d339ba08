"""The outermost layer: measures every request, adds the headers each answer carries, makes a bug an incident."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from opsagent.errors import InputError, OpsAgentError
from opsagent.ports.clock import Clock, Ids
from opsagent.web.headers import headers_for
from opsagent.web.problems import Incident, problem

_log = logging.getLogger(__name__)
_INTERNAL_ERROR = 1011  # RFC 6455, section 7.4.1
# From a fast acknowledgement (the group commit's 11 ms median) up to what a proxy gives up on.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Edge:
    """Wraps the whole app. The only place of the web where an unforeseen exception is caught."""

    def __init__(
        self, app: ASGIApp, *, clock: Clock, ids: Ids, registry: CollectorRegistry, public_url: str = ""
    ) -> None:
        self._app = app
        self._public_url = public_url
        self._clock = clock
        self._ids = ids
        labels = ("method", "route")
        self._requests = Counter("opsagent_http_requests", "Answers given.", (*labels, "status"), registry=registry)
        self._seconds = Histogram(
            "opsagent_http_request_seconds",
            "Seconds to the answer's start.",
            labels,
            buckets=_SECONDS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._clock.monotonic()
        started = False
        headers = headers_for(scope, self._public_url)

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in headers if one[0] not in present)]
                self._measure(scope, message["status"], self._clock.monotonic() - began)
            await send(message)

        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            await problem(InputError("The address holds a NUL character.", fix="Remove it."))(scope, receive, answer)
            return
        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # the HTTP edge: a bug must not take the connection or show itself
            shaped = error if isinstance(error, OpsAgentError) else _broken(self._record(scope))
            if not started:
                await problem(shaped)(scope, receive, answer)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        closed = False

        async def noted(message: Message) -> None:
            nonlocal closed
            closed = closed or message["type"] in {"websocket.close", "websocket.http.response.start"}
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnected:
            return  # it left while it was let in
        except Exception:  # noqa: BLE001  # the same edge for sockets
            incident = self._record(scope)
            if not closed:
                await send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": f"incident {incident}"})

    def _record(self, scope: Scope) -> str:
        incident = self._ids.uuid()
        _log.exception("incident %s: %s could not be served", incident, ascii(scope["path"]))
        return incident

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in {"GET", "POST", "PUT", "DELETE"} else "other"
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


def _broken(incident: str) -> Incident:
    return Incident(
        "Something here is broken, and this request was not finished.",
        fix=f"Look in the log for incident {incident}; sending it again with the same Idempotency-Key is safe.",
        extra={"incident": incident},
    )
