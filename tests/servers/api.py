"""A small HTTP API on loopback that notes what it was asked, changes what it is told to, and fails as it is told."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

TOKEN = "tok-5f2c9a-secret"


@dataclass(frozen=True)
class Asked:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Api:
    """Orders with a state, and a list of every effect that was carried out.

    `drop` is how many answers to effects are lost after the effect. `go` lets requests to a path ending in /held end.
    `keys` are the idempotency keys it has seen: the same key acts once. `wants` is the value of Authorization.
    """

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    orders: dict[str, str] = field(default_factory=lambda: {"7": "locked"})
    effects: list[str] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)
    drop: int = 0
    wants: str = ""
    tls: ssl.SSLContext | None = None
    go: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/v1" if self.tls else f"http://127.0.0.1:{self.port}/v1"

    def answer(self, asked: Asked) -> bytes | None:
        """The bytes of an answer; None breaks the connection off."""
        if self.wants and self.wants not in (asked.headers.get("authorization"), asked.headers.get("x-api-key")):
            return reply(401, {"error": "who?"})
        if asked.path.endswith("/held"):
            if asked.method != "GET":
                self.effects.append(f"{asked.method} {asked.path}")
            self.go.wait(60)
            return reply(200, {"held": True})
        fault = asked.path.removeprefix("/v1").partition("?")[0]
        if fault in FAULTS:
            return FAULTS[fault]
        return self._get(asked) if asked.method in ("GET", "HEAD") else self._change(asked)

    def _get(self, asked: Asked) -> bytes:
        name = asked.path.rpartition("/")[2].partition("?")[0]
        if asked.path == "/v1/echo":
            return reply(200, dict(asked.headers))
        if name in self.orders:
            return reply(200, {"id": int(name), "state": self.orders[name], "items": [{"sku": "a-1"}]})
        return (
            reply(200, {"orders": len(self.orders)}) if asked.path in ("/v1", "/v1/") else reply(404, {"error": "no"})
        )

    def _change(self, asked: Asked) -> bytes | None:
        key = asked.headers.get("idempotency-key", "")
        with self.lock:
            made = self.keys.get(key) if key else None
            if made is None:
                self.effects.append(f"{asked.method} {asked.path}")
                made = self._carried_out(asked)
                if key:
                    self.keys[key] = made
            if self.drop > 0:
                self.drop -= 1
                return None
            return made

    def _carried_out(self, asked: Asked) -> bytes:
        parts = asked.path.split("/")
        if parts[-1] == "state":
            if parts[-2] not in self.orders:
                return reply(404, {"error": "no such order"})
            self.orders[parts[-2]] = json.loads(asked.body)["state"]
        return reply(200, {"done": True, "key": asked.headers.get("idempotency-key", "")})


def reply(status: int, content: object, *lines: str) -> bytes:
    body = json.dumps(content).encode()
    head = [f"HTTP/1.1 {status} -", "Content-Type: application/json", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


FAULTS: Mapping[str, bytes | None] = {
    "/away": reply(302, {}, "Location: http://elsewhere.example/v1/orders/7"),
    "/moved": reply(301, {}, "Location: /v1/orders/7"),
    "/out": reply(302, {}, "Location: /admin"),
    "/acts": reply(302, {}, "Location: /v1/jobs/run"),
    "/loop": reply(302, {}, "Location: /v1/loop"),
    "/huge": b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000,
    "/garbage": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzzz\r\nnot a chunk",
    "/nonsense": b"this is no HTTP at all\r\n\r\n",
    "/binary": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x00\xff\xfe\x01",
    "/trouble": reply(503, {"error": "later"}, "Retry-After: 7"),
    "/hangs-up": None,
}


@contextmanager
def api(**given: object) -> Iterator[Api]:
    """An API on a free port of 127.0.0.1."""
    made = Api(**given)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            first = self.rfile.readline().decode().split()
            if len(first) < 2:
                return
            headers: dict[str, str] = {}
            while line := self.rfile.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            asked = Asked(first[0], first[1], headers, body)
            made.asked.append(asked)
            told = made.answer(asked)
            if told is not None:
                head, _, content = told.partition(b"\r\n\r\n")
                try:
                    self.wfile.write(head + b"\r\n\r\n" + (b"" if asked.method == "HEAD" else content))
                except OSError:
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def get_request(self) -> tuple[socket.socket, object]:
            taken, address = super().get_request()
            return made.tls.wrap_socket(taken, server_side=True) if made.tls else taken, address

    server = Server(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
