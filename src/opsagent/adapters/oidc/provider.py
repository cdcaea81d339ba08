"""A provider of OpenID Connect: the authorization code flow with PKCE, by Authlib over the house's own HTTP client."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

from opsagent.adapters.oidc.config import OidcConfig
from opsagent.adapters.oidc.token import claims_of, texts
from opsagent.adapters.outbound import OutboundClient
from opsagent.domain.single_sign_on import Errand, Vouched
from opsagent.errors import Unauthenticated, UnavailableError
from opsagent.ports.clock import Clock

_KNOWN_FOR_S = 3600.0  # discovery and keys; keys are asked for anew at a token they do not open
_OK = 200
Json = Mapping[str, Any]


class OidcProvider:
    """IdentityProvider over OpenID Connect."""

    def __init__(self, config: OidcConfig, client: OutboundClient, clock: Clock) -> None:
        self._config, self._client, self._clock = config, client, clock
        self._kept: dict[str, tuple[Json, float]] = {}

    async def address(self, errand: Errand, back_to: str) -> str:
        """Where a browser is sent."""
        about = await self._about()
        return str(
            prepare_grant_uri(
                str(about["authorization_endpoint"]),
                client_id=self._config.client_id,
                response_type="code",
                redirect_uri=back_to,
                scope=" ".join(self._config.scopes),
                state=errand.state,
                nonce=errand.nonce,
                code_challenge=create_s256_code_challenge(errand.verifier),
                code_challenge_method="S256",
            )
        )

    async def vouch(self, errand: Errand, code: str, back_to: str) -> Vouched:
        """Whom it vouches for."""
        answer = await self._redeem(errand, code, back_to)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unauthenticated("The provider gave no ID token.", fix="Add openid to oidc_scopes.")
        claims = await self._claims(token, errand, str(answer.get("access_token", "")))
        config = self._config
        login = claims.get(config.login_claim)
        if not isinstance(login, str) or not login:
            raise Unauthenticated(
                f"The provider's token has no {config.login_claim}.",
                fix="Let the provider put it into the ID token, or name another claim in oidc_login_claim.",
            )
        return Vouched(
            subject=f"{config.issuer} {claims['sub']}",
            login=login,
            groups=texts(claims.get(config.groups_claim)),
            verified=config.login_claim == "email" and claims.get("email_verified") is True,
        )

    async def _claims(self, token: str, errand: Errand, access_token: str) -> Json:
        about = await self._about()
        address, fresh = str(about["jwks_uri"]), False
        while True:
            keys = await self._document(address, fresh=fresh)
            try:
                return claims_of(
                    token, keys, self._config, nonce=errand.nonce, access_token=access_token, now=self._clock.now()
                )
            except Unauthenticated:
                if fresh:
                    raise
                fresh = True  # the provider may have changed its keys

    async def _about(self) -> Json:
        """Its discovery document (OpenID Connect Discovery 1.0, section 4). UnavailableError."""
        found = await self._document(f"{self._config.issuer.rstrip('/')}/.well-known/openid-configuration")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if found.get("issuer") != self._config.issuer or not all(isinstance(found.get(one), str) for one in needed):
            raise UnavailableError(
                f"The provider calls itself {str(found.get('issuer'))[:200]!r}, and oidc_issuer is another.",
                fix="Write oidc_issuer exactly as the provider's discovery document has it.",
            )
        return found

    async def _document(self, address: str, *, fresh: bool = False) -> Json:
        kept = self._kept.get(address)
        if kept is not None and not fresh and self._clock.monotonic() < kept[1]:
            return kept[0]
        response = await self._client.request("GET", address, headers={"accept": "application/json"})
        found = _object(response.body) if response.status == _OK else None
        if found is None:
            raise UnavailableError("The provider of single sign-on gave no proper answer.", fix="Look at its log.")
        self._kept[address] = (found, self._clock.monotonic() + _KNOWN_FOR_S)
        return found

    async def _redeem(self, errand: Errand, code: str, back_to: str) -> Json:
        config, about = self._config, await self._about()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back_to,
            "code_verifier": errand.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        ways = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if not config.client_secret:
            form["client_id"] = config.client_id
        elif "client_secret_basic" in ways:
            pair = f"{quote(config.client_id, safe='')}:{quote(config.client_secret, safe='')}"  # RFC 6749, 2.3.1
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": config.client_id, "client_secret": config.client_secret}
        response = await self._client.request(
            "POST", str(about["token_endpoint"]), headers=headers, content=urlencode(form).encode(), redirects=0
        )
        found = _object(response.body)
        if response.status != _OK or found is None:
            word = str((found or {}).get("error", response.status))[:60]
            raise Unauthenticated(
                f"The provider did not take the code ({word}).",
                fix="Sign in again; if it stays so, compare the client id, its secret and the redirect address.",
            )
        return found


def _object(body: bytes) -> Json | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
