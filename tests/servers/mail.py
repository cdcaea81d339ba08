"""A real SMTP server on loopback (aiosmtpd) that notes each mail and answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HANG_UP = "hang up"  # after the mail was taken, before that is said


@dataclass
class MailServer:
    """`got` are the mails it has taken, oldest first. `rcpt` and `data` are its next answers; then it says yes.

    It takes a mail and says nothing before `open` is set.
    """

    port: int = 0
    login: tuple[str, str] | None = None
    got: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str], bool]] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd asks for
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the same
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = self.data.pop(0) if self.data else "250 taken"
        if answer.startswith("250") or answer == HANG_UP:
            content = envelope.original_content or b""
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.got.append(mail)
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos), session.ssl is not None))
        while not self.open.is_set():
            await asyncio.sleep(0.01)
        if answer == HANG_UP:
            assert server.transport is not None
            server.transport.close()
        return answer

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        right = (given.login.decode(), given.password.decode()) == self.login
        return AuthResult(success=right, handled=False)


class _Peer(SMTP):
    """One connection; the server knows which are open, so that it can end them before its loop."""

    def __init__(self, open_: set[_Peer], *given: object, **more: object) -> None:
        super().__init__(*given, **more)  # type: ignore[arg-type] # handed through
        self._open = open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._open.discard(self)
        super().connection_lost(error)


@contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, from_the_start: bool = False, login: tuple[str, str] | None = None
) -> Iterator[MailServer]:
    """On a free port of 127.0.0.1. With `tls` it insists on STARTTLS, or speaks TLS from the start."""
    made = MailServer(login=login)
    made.open.set()
    starttls = tls if not from_the_start else None
    options: dict[str, object] = {
        "hostname": "mail.test",
        "tls_context": starttls,
        "require_starttls": starttls is not None,
        "authenticator": made.authenticate if login else None,
        "auth_required": login is not None,
        "auth_require_tls": starttls is not None,
    }
    open_: set[_Peer] = set()
    ready, ends = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loops.append(loop)
        server = await loop.create_server(
            lambda: _Peer(open_, made, loop=loop, **options),
            "127.0.0.1",
            0,
            ssl=tls if from_the_start else None,
        )
        made.port = server.sockets[0].getsockname()[1]
        ready.set()
        await ends.wait()
        server.close()
        while open_:
            for peer in list(open_):
                if peer.transport is not None:
                    peer.transport.abort()  # type: ignore[union-attr] # a stream's transport
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10), "the mail server did not start"
    try:
        yield made
    finally:
        loops[0].call_soon_threadsafe(ends.set)
        thread.join()


def text_of(mail: EmailMessage) -> str:
    """Its plain part."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    """Its HTML part."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
