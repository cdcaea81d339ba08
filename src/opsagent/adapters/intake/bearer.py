"""Checks a bearer secret in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from opsagent.adapters.intake.headers import header


def carries_secret(headers: Mapping[str, str], secret: str) -> bool:
    """Whether `Authorization: Bearer <secret>` is there (header names in any case). An empty secret proves nothing."""
    scheme, _, token = header(headers, "authorization").partition(" ")
    same = hmac.compare_digest(token.strip(" ").encode("utf-8", "surrogatepass"), secret.encode("utf-8"))
    return same and bool(secret) and scheme.lower() == "bearer"
