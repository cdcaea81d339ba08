"""Mail by Mailtrap's sending API, or into one of its sandbox inboxes."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from opsagent.adapters.notify.answer import delivery_of
from opsagent.adapters.notify.mail import Mail, mail_of
from opsagent.adapters.notify.mailbox import Mailbox, mailbox
from opsagent.adapters.notify.wording import Wording
from opsagent.adapters.outbound import OutboundClient, OutboundResponse
from opsagent.domain.notice import Notice
from opsagent.domain.visible import one_line
from opsagent.errors import ConfigurationError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

CHANNEL = "mailtrap"
SENDING = "https://send.api.mailtrap.io/api/send"
SANDBOX = "https://sandbox.api.mailtrap.io/api/send"
_OF_OURS = frozenset({401, 403})  # the token or the sender's domain is wrong: people mend that


@dataclass(frozen=True, slots=True, kw_only=True)
class MailtrapConfig:
    """`inbox` is the id of a sandbox inbox; empty sends for real. `url` replaces Mailtrap's own address."""

    token: str = field(repr=False)
    sender: Mailbox
    inbox: str = ""
    url: str = ""

    @property
    def address(self) -> str:
        """Where mails are posted."""
        if not self.inbox:
            return self.url or SENDING
        return f"{self.url or SANDBOX}/{self.inbox}"


class MailtrapChannel:
    """Fulfils `ports.notify.Channel`: `Notice.address` is one mail address. It may have the name `email` too."""

    def __init__(
        self, config: MailtrapConfig, client: OutboundClient, wording: Wording, clock: Clock, *, name: str = CHANNEL
    ) -> None:
        self._config = config
        self._client = client
        self._wording = wording
        self._clock = clock
        self._name = name

    @property
    def name(self) -> str:
        """`mailtrap`, or `email`."""
        return self._name

    @property
    def about(self) -> str:
        """For real or into the sandbox, and from whom."""
        where = f"Mailtrap's sandbox inbox {self._config.inbox}" if self._config.inbox else "Mailtrap's API"
        return f"{where}, from {self._config.sender.address}"

    def shown(self, address: str) -> str:
        """As it is."""
        return one_line(address, 200)

    @property
    def changes(self) -> bool:
        """A mail stays."""
        return False

    def destination(self, address: str) -> str:
        """The address in lower case: no mail server in use tells them apart by that."""
        return address.strip().lower()

    async def check(self, address: str) -> str:
        """Whether it is an address; Mailtrap has nothing that can be asked without sending."""
        try:
            mailbox(address)
        except ValueError as problem:
            return f"{self.shown(address)!r}: {problem}."
        return ""

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:  # noqa: ARG002 - the port's
        """Try once. `receipt` is Mailtrap's id of the mail."""
        try:
            mail = mail_of(notice, self._config.sender, self._wording, self._clock.now())
        except ValueError as problem:
            return Delivery(delivered=False, permanent=True, error=f"This cannot be mailed: {problem}.")
        except ConfigurationError as problem:
            return Delivery(delivered=False, error=f"{problem.message} {problem.fix}")
        headers = {"Authorization": f"Bearer {self._config.token}", "Content-Type": "application/json"}
        content = orjson.dumps(self._body(notice, mail))
        return await delivery_of(
            self._client,
            self._config.address,
            headers,
            content,
            self._clock,
            said=_said,
            receipt=_receipt,
            keep=_OF_OURS,
        )

    def _body(self, notice: Notice, mail: Mail) -> dict[str, object]:
        return {
            "from": _party(self._config.sender),
            "to": [_party(mail.to)],
            "subject": mail.letter.subject,
            "text": mail.letter.text,
            "html": mail.letter.html,
            "headers": {name: value for name, value in mail.headers.items() if name != "Date"},
            "category": "opsagent",
            "custom_variables": {"notice": notice.id},
        }


def _party(box: Mailbox) -> dict[str, str]:
    return {"email": box.address} | ({"name": box.name} if box.name else {})


def _read(response: OutboundResponse) -> dict[str, object]:
    try:
        found = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(response: OutboundResponse) -> str:
    errors = _read(response).get("errors")
    return "; ".join(one_line(one, 200) for one in errors[:3]) if isinstance(errors, list) else ""


def _receipt(response: OutboundResponse) -> str:
    ids = _read(response).get("message_ids")
    return str(ids[0])[:200] if isinstance(ids, list) and ids else ""
