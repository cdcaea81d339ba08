"""Mail by SMTP: encrypted unless the server is this machine, and sure of what was taken and what was not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from opsagent.adapters.notify.mail import mail_of
from opsagent.adapters.notify.mailbox import Mailbox, mailbox
from opsagent.adapters.notify.wording import Wording
from opsagent.adapters.outbound import trust
from opsagent.domain.notice import Notice
from opsagent.domain.visible import one_line
from opsagent.errors import ConfigurationError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

if TYPE_CHECKING:
    from aiosmtplib import SMTP

CHANNEL = "email"
_SAID_CHARS = 200  # of a server's own words


class Security(StrEnum):
    """How the connection is kept from others."""

    STARTTLS = "starttls"  # asked for after the greeting, usually on port 587; without it nothing is sent
    TLS = "tls"  # from the first byte, usually on port 465
    PLAIN = "plain"  # not at all: only to this machine


PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.PLAIN: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpConfig:
    """`port` 0 is the usual one. Without `username` nobody logs in. `ca_file` (PEM) is trusted besides the system's.

    `timeout_s` is for each answer of the server.
    """

    host: str
    sender: Mailbox
    port: int = 0
    security: Security = Security.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    timeout_s: float = 10.0

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port or PORTS[self.security]}"


class SmtpChannel:
    """Fulfils `ports.notify.Channel`: `Notice.address` is one mail address."""

    def __init__(self, config: SmtpConfig, wording: Wording, clock: Clock) -> None:
        self._config = config
        self._wording = wording
        self._clock = clock

    @property
    def name(self) -> str:
        """`email`."""
        return CHANNEL

    @property
    def about(self) -> str:
        """The server, how it is spoken to, and as whom."""
        how = {Security.STARTTLS: "STARTTLS", Security.TLS: "TLS", Security.PLAIN: "not encrypted"}
        return f"SMTP by {self._config.place} ({how[self._config.security]}), from {self._config.sender.address}"

    def shown(self, address: str) -> str:
        """As it is."""
        return one_line(address, _SAID_CHARS)

    @property
    def changes(self) -> bool:
        """A mail stays."""
        return False

    def destination(self, address: str) -> str:
        """The address in lower case: no mail server in use tells them apart by that."""
        return address.strip().lower()

    async def check(self, address: str) -> str:
        """Everything but the mail itself: connect, log in, name sender and reader, and take it back."""
        try:
            reader = mailbox(address)
        except ValueError as problem:
            return f"{one_line(address, _SAID_CHARS)!r}: {problem}."
        try:
            async with self._session() as server:
                await server.mail(self._config.sender.address)
                await server.rcpt(reader.address)
                await server.rset()
        except ConfigurationError as problem:
            return f"{problem.message} {problem.fix}"
        except _Failed as failed:
            return failed.delivery.error
        return ""

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:  # noqa: ARG002 - the port's
        """Try once. Only where no answer came to the mail itself it is not known whether it was taken."""
        try:
            mail = mail_of(notice, self._config.sender, self._wording, self._clock.now())
        except ValueError as problem:
            return Delivery(delivered=False, permanent=True, error=f"This cannot be mailed: {problem}.")
        except ConfigurationError as problem:
            return Delivery(delivered=False, error=f"{problem.message} {problem.fix}")
        content = mail.message(self._config.sender).as_bytes()
        try:
            async with self._session() as server:
                await server.mail(self._config.sender.address)
                await server.rcpt(mail.to.address)
                await self._data(server, content)
        except ConfigurationError as problem:
            return Delivery(delivered=False, error=f"{problem.message} {problem.fix}")
        except _Failed as failed:
            return failed.delivery
        return Delivery(delivered=True, receipt=mail.headers["Message-ID"])

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[SMTP]:
        """A connection, logged in; what fails in it is told in words (_Failed)."""
        from aiosmtplib import SMTP, SMTPException

        config = self._config
        server = SMTP(
            hostname=config.host,
            port=config.port or PORTS[config.security],
            use_tls=config.security is Security.TLS,
            start_tls=config.security is Security.STARTTLS,
            username=config.username or None,
            password=config.password if config.username else None,
            tls_context=None if config.security is Security.PLAIN else trust(config.ca_file),
            local_hostname=config.sender.domain,  # else the library asks the name service for ours
            timeout=config.timeout_s,
        )
        try:
            await server.connect()
            yield server
        except (SMTPException, OSError) as problem:
            raise _Failed(self._failure(problem)) from problem
        finally:
            transport = server.transport
            with suppress(SMTPException, OSError):  # taken is taken, whether or not it says goodbye
                if server.is_connected:
                    await server.quit()
            server.close()
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()  # TLS would wait for the other side's goodbye as well
                await asyncio.sleep(0)

    async def _data(self, server: SMTP, content: bytes) -> None:
        from aiosmtplib import SMTPException, SMTPResponseException

        try:
            await server.data(content)
        except SMTPResponseException:
            raise  # an answer: it was not taken
        except (SMTPException, OSError) as problem:
            error = f"{self._config.place} took the mail and did not say so ({_words(problem)})."
            raise _Failed(Delivery(delivered=False, error=error, uncertain=True)) from problem

    def _failure(self, problem: Exception) -> Delivery:
        """What a failure means: an answer of the 500s about this mail is final; what people can mend is tried again."""
        from aiosmtplib import SMTPAuthenticationError, SMTPResponseException, SMTPSenderRefused

        place = self._config.place
        if isinstance(problem, SMTPAuthenticationError):
            error = f"{place} refuses the log-in ({_words(problem)}). Correct smtp_username and smtp_password."
            return Delivery(delivered=False, error=error)
        if isinstance(problem, SMTPResponseException):
            final = 500 <= problem.code < 600 and not isinstance(problem, SMTPSenderRefused)
            return Delivery(delivered=False, permanent=final, error=f"{place} answered {_words(problem)}.")
        cause: BaseException | None = problem
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                error = (
                    f"The certificate of {place} is not trusted: {cause.verify_message} Name its authority in ca_file."
                )
                return Delivery(delivered=False, error=error)
            cause = cause.__cause__ or cause.__context__
        return Delivery(delivered=False, error=f"{place} does not take mail: {_words(problem)}.")


class _Failed(Exception):
    """The mail was not sent, or nobody knows."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery.error)
        self.delivery = delivery


def _words(problem: Exception) -> str:
    """A server's or the library's words on one line."""
    code = getattr(problem, "code", None)
    said = one_line(getattr(problem, "message", "") or problem, _SAID_CHARS) or type(problem).__name__
    return f"{code} {said}" if isinstance(code, int) else said.rstrip(".")
