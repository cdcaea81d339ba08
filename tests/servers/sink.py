"""A loopback server that notes each request it gets and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from servers.listening import listening

TOO_MANY = 429


@dataclass(frozen=True)
class Got:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Sink:
    """What came, and what the next ones are answered: `statuses` first, then 200 with what `page` says.

    A status of 0 closes the connection without an answer. No answer is given before `open` is set.
    """

    url: str = ""
    got: list[Got] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    page: Callable[[], str] = lambda: ""
    retry_after: str = ""
    open: threading.Event = field(default_factory=threading.Event)


@contextmanager
def sink(page: Callable[[], str] = lambda: "") -> Iterator[Sink]:
    """A sink on a free port of 127.0.0.1."""
    made = Sink(page=page)
    made.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.got.append(Got(self.command, self.path, headers, self.rfile.read(length)))
            made.open.wait(30)
            status = made.statuses.pop(0) if made.statuses else 200
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            if status == TOO_MANY and made.retry_after:
                self.send_header("Retry-After", made.retry_after)
            content = made.page().encode()
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - the name http.server asks for

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with listening(Handler) as port:
        made.url = f"http://127.0.0.1:{port}/"
        try:
            yield made
        finally:
            made.open.set()
