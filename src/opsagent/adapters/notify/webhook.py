"""Calls back whoever started a run: a signed POST of the result."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from opsagent.adapters.outbound import OutboundClient
from opsagent.domain.notice import Notice
from opsagent.errors import InputError, OpsAgentError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

CHANNEL = "webhook"
SIGNATURE_HEADER = "X-OpsAgent-Signature"
REPEAT_HEADER = "X-OpsAgent-Possible-Repeat"
# 408 time-out, 425 too early, 429 too many: RFC 9110, 8470, 6585 all say to try again
_TRY_AGAIN = frozenset({408, 425, 429})


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

    async def send(self, notice: Notice) -> Delivery:
        """Post it once. 2xx is delivered; a refused address and most of 4xx are final; all else may be tried again."""
        body = notice.body.encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.id}
        if self._config.secret:
            headers[SIGNATURE_HEADER] = signature(self._config.secret, body, int(self._clock.now()))
        if notice.possible_repeat:
            headers[REPEAT_HEADER] = "true"
        try:
            response = await self._client.request("POST", notice.address, headers=headers, content=body)
        except InputError as refused:
            return Delivery(delivered=False, permanent=True, error=f"{refused.message} {refused.fix}".strip())
        except OpsAgentError as failed:
            return Delivery(delivered=False, error=f"{failed.message} {failed.fix}".strip())
        if 200 <= response.status < 300:
            return Delivery(delivered=True)
        final = 300 <= response.status < 500 and response.status not in _TRY_AGAIN
        return Delivery(
            delivered=False,
            permanent=final,
            error=f"It answered {response.status}.",
            retry_after_s=None if final else retry_after(response.headers, self._clock.now()),
        )


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """`t=<seconds>,v1=<hex HMAC-SHA256 over "<seconds>.<body>">`: the time is signed, so that an old call is stale."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={mac}"


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the receiver asks to wait (RFC 9110 10.2.3: a number or a date), or None."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
