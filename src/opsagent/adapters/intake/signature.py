"""Checks HMAC-SHA256 signatures in constant time."""

from __future__ import annotations

import hashlib
import hmac


def signs(secret: str, message: bytes, hexadecimal: str) -> bool:
    """Whether it is the HMAC-SHA256 (RFC 2104) of the message in hex. An empty secret proves nothing."""
    wanted = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    given = hexadecimal.lower().encode("utf-8", "surrogatepass")
    return hmac.compare_digest(given, wanted.encode()) and bool(secret)
