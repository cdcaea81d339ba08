"""One HTTP POST of a notice, and what its answer says: taken, not now, never, or nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from email.utils import parsedate_to_datetime

from opsagent.adapters.outbound import OutboundClient, OutboundResponse
from opsagent.errors import InputError, OpsAgentError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

# 408 time-out, 425 too early, 429 too many: RFC 9110, 8470, 6585 all say to try again
_TRY_AGAIN = frozenset({408, 425, 429})
_TIMED_OUT = 408


def _nothing(_response: OutboundResponse) -> str:
    return ""


async def delivery_of(
    client: OutboundClient,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    clock: Clock,
    *,
    said: Callable[[OutboundResponse], str] = _nothing,
    receipt: Callable[[OutboundResponse], str] = _nothing,
    keep: Collection[int] = (),
) -> Delivery:
    """Post it once. 2xx is delivered; a refused address and most of 3xx and 4xx are final; all else is tried again.

    `said` are the receiver's words of a refusal, `receipt` what it calls what it took, `keep` more answers that are
    tried again. It may have arrived where it left and no answer came, or one of a server that failed on the way.
    """
    begun: list[bool] = []
    try:
        # `cut`: the status says what became of it, however long the answer is and wherever it breaks off.
        response = await client.request(
            "POST", url, headers=headers, content=content, cut=True, begins=lambda: begun.append(True)
        )
    except InputError as refused:
        return Delivery(delivered=False, permanent=True, error=f"{refused.message} {refused.fix}".strip())
    except OpsAgentError as failed:
        return Delivery(delivered=False, error=f"{failed.message} {failed.fix}".strip(), uncertain=bool(begun))
    status = response.status
    if 200 <= status < 300:
        return Delivery(delivered=True, receipt=receipt(response))
    final = 300 <= status < 500 and status not in _TRY_AGAIN and status not in keep
    words = said(response)
    return Delivery(
        delivered=False,
        permanent=final,
        error=f"It answered {status}: {words}." if words else f"It answered {status}.",
        retry_after_s=None if final else retry_after(response.headers, clock.now()),
        uncertain=status >= 500 or status == _TIMED_OUT,
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the receiver asks to wait (RFC 9110 10.2.3: a number or a date), or None."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
