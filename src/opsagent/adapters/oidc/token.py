"""Reads an ID token: who signed it, for whom, for how long, and for which errand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from opsagent.adapters.oidc.config import OidcConfig
from opsagent.errors import Unauthenticated

# Signatures by a key only the provider has. `none`, and HMAC with our own secret, are never taken (RFC 8725, 3.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_LEEWAY_S = 60  # how far the clocks of two machines may be apart


def claims_of(
    token: str, keys: Mapping[str, Any], config: OidcConfig, *, nonce: str, access_token: str, now: float
) -> Mapping[str, Any]:
    """What the token says, once all of OpenID Connect Core, section 3.1.3.7, holds. Unauthenticated."""
    options = {
        "iss": {"essential": True, "value": config.issuer},
        "aud": {"essential": True, "value": config.client_id},
        "nonce": {"essential": True, "value": nonce},
    }
    try:
        opened = jwt.decode(token, KeySet.import_key_set(dict(keys)), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        params = {"nonce": nonce, "client_id": config.client_id, "access_token": access_token}
        claims = CodeIDToken(opened.claims, opened.header, options, params)
        claims.validate(now=int(now), leeway=_LEEWAY_S)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        word = getattr(error, "claim", "") or getattr(error, "error", "") or type(error).__name__
        raise Unauthenticated(
            f"The provider's token does not hold ({word}).",
            fix="Sign in again; if it stays so, compare the client id, the issuer and the clocks.",
        ) from error
    found: Mapping[str, Any] = claims
    return found


def texts(value: object) -> Sequence[str]:
    """A claim that is a text or a list of texts."""
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str)]
