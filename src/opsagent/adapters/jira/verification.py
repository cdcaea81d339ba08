"""Whether a delivery comes from our Jira: by a secret in a header, or by the signature of Jira's webhooks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from opsagent.adapters.intake.bearer import carries_secret

# What Jira Automation itself reads the secret of an incoming webhook from; its "Send web request" can send any header.
TOKEN_HEADER = "x-automation-webhook-token"  # noqa: S105 - a header's name
# HMAC-SHA256 of the body as it came: developer.atlassian.com/cloud/jira/platform/webhooks, "Secure admin webhooks"
SIGNATURE_HEADER = "x-hub-signature"


def is_from_jira(headers: Mapping[str, str], raw: bytes, secret: str) -> bool:
    """True iff one of the three proofs is there and made with this secret; an empty secret proves nothing.

    A signature that is there must be right, whatever else is.
    """
    if not secret:
        return False
    named = {name.lower(): value for name, value in headers.items()}
    signature = named.get(SIGNATURE_HEADER)
    if signature is not None:
        return _same(signature.strip().lower(), f"sha256={digest(secret, raw)}")
    token = named.get(TOKEN_HEADER)
    if token is not None:
        return _same(token.strip(" "), secret)
    return carries_secret(headers, secret)


def digest(secret: str, raw: bytes) -> str:
    """The hex HMAC-SHA256 of a body."""
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
