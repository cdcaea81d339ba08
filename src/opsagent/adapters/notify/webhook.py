"""Calls back whoever started a run: a signed POST of the result."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from opsagent.adapters.notify.answer import delivery_of
from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.target_url import name_of, parse_url
from opsagent.domain.notice import Notice
from opsagent.errors import InputError, OpsAgentError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

CHANNEL = "webhook"
SIGNATURE_HEADER = "X-OpsAgent-Signature"
REPEAT_HEADER = "X-OpsAgent-Possible-Repeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """`secret` signs each call; empty sends them unsigned."""

    secret: str = field(default="", repr=False)


class WebhookChannel:
    """Fulfils `ports.notify.Channel`: `Notice.address` is the URL, `Notice.body` the JSON that is posted."""

    def __init__(self, config: WebhookConfig, client: OutboundClient, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._clock = clock

    @property
    def name(self) -> str:
        """`webhook`."""
        return CHANNEL

    @property
    def about(self) -> str:
        """Whether calls are signed."""
        return "JSON posted to an address, " + ("signed" if self._config.secret else "not signed (callback_secret)")

    def shown(self, address: str) -> str:
        """Its host: path and query are often the secret."""
        return shown_url(address)

    @property
    def changes(self) -> bool:
        """What was posted stays."""
        return False

    def destination(self, address: str) -> str:
        """The URL: two that differ may be two places."""
        return address

    async def check(self, address: str) -> str:
        """Whether it may be called; nothing is sent."""
        try:
            await self._client.reachable(address)
        except OpsAgentError as problem:
            return f"{problem.message} {problem.fix}".strip()
        return ""

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:  # noqa: ARG002 - the port's
        """Post it once."""
        body = notice.body.encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.id}
        if self._config.secret:
            headers[SIGNATURE_HEADER] = signature(self._config.secret, body, int(self._clock.now()))
        if notice.possible_repeat:
            headers[REPEAT_HEADER] = "true"
        return await delivery_of(self._client, notice.address, headers, body, self._clock)


def shown_url(address: str) -> str:
    """Scheme, host and port of an address, the rest as dots."""
    try:
        return f"{name_of(parse_url(address))}/…"
    except InputError:
        return "…"


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """`t=<seconds>,v1=<hex HMAC-SHA256 over "<seconds>.<body>">`: the time is signed, so that an old call is stale."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={mac}"
