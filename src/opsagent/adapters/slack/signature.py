"""Whether a request was signed by Slack, and lately."""

from __future__ import annotations

import hashlib
import hmac

TOLERANCE_S = 300  # five minutes either way, as Slack's own page on verifying requests says
TIMESTAMP_HEADER = "x-slack-request-timestamp"
SIGNATURE_HEADER = "x-slack-signature"
_MAX_DIGITS = 12


def is_signed(secret: str, timestamp: str, signature: str, body: bytes, now: float) -> bool:
    """True if and only if `signature` is Slack's over exactly this body and time, and the time is near `now`.

    `timestamp` and `signature` are the header values, `now` is epoch seconds. An empty secret proves nothing. Compared
    in constant time. Source: Slack, "Verifying requests from Slack", version v0.
    """
    if not secret or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_DIGITS):
        return False
    if abs(now - int(timestamp)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode("utf-8", "surrogatepass"))


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """`v0=<64 hex>`: HMAC-SHA256 over `v0:<timestamp>:<body>`."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
