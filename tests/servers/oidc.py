"""A small provider of OpenID Connect on loopback: whoever comes is somebody, and it can lie in each way that matters.

It holds to what it promises: a code works once, for the redirect address and the PKCE challenge it was given for, and
for a client that proves itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from servers.listening import listening

CLIENT, SECRET = "opsagent", "the client's secret: %&+"
Json = dict[str, Any]


@dataclass
class Provider:
    """`person` is who is signed in there; `lies` change the token's claims, `kid` and `alg` its header."""

    issuer: str = ""
    person: Json = field(
        default_factory=lambda: {
            "sub": "1",
            "email": "ada@example.com",
            "email_verified": True,
            "name": "Ada",
            "groups": ["oncall"],
        }
    )
    lies: Json = field(default_factory=dict)
    alg: str = "RS256"
    calls_itself: str = ""
    refuses: bool = False
    codes: dict[str, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    signs_with: RSAKey | OctKey | None = None

    def settings(self, **more: object) -> dict[str, object]:
        """For a server of ours that trusts it."""
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "oidc_roles": "oncall=approver,leads=admin",
        } | more

    def new_key(self) -> None:
        """It signs by another key from now on, and says so."""
        self.key = RSAKey.generate_key(2048, {"kid": str(int(str(self.key.kid)) + 1)})

    def answer(self, method: str, path: str, query: Json, form: Json, authorization: str) -> tuple[int, Json | str]:
        """The status, with the JSON or the place to go to."""
        self.asked.append(f"{method} {path}")
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.calls_itself or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        if path == "/keys":
            return 200, {"keys": [self.key.as_dict(private=False) | {"use": "sig"}]}
        if path == "/authorize":
            assert query["response_type"] == "code"
            assert query["code_challenge_method"] == "S256"
            assert "openid" in query["scope"].split()
            back = {"state": query["state"]}
            if self.refuses:
                return 302, f"{query['redirect_uri']}?{urlencode(back | {'error': 'access_denied'})}"
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            return 302, f"{query['redirect_uri']}?{urlencode(back | {'code': code})}"
        if path == "/token" and method == "POST":
            return self._token(form, authorization)
        return 404, {}

    def _token(self, form: Json, authorization: str) -> tuple[int, Json | str]:
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        given = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            given is None
            or form["redirect_uri"] != given["redirect_uri"]
            or challenge.decode() != given["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": given["nonce"]}
        claims = {name: value for name, value in (claims | self.person | self.lies).items() if value is not None}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self._signed(claims)}

    def _signed(self, claims: Json) -> str:
        if self.alg == "none":
            parts = ({"alg": "none"}, claims)
            return (
                ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts)
                + "."
            )
        key = self.signs_with or self.key
        return jwt.encode({"alg": self.alg, "kid": key.kid}, claims, key)


@contextmanager
def provider() -> Iterator[Provider]:
    """One that listens until the block ends."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            form = dict(parse_qsl(self.rfile.read(int(self.headers.get("content-length", 0))).decode()))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, said = made.answer(self.command, parts.path, query, form, self.headers.get("authorization", ""))
            raw = b"" if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            if isinstance(said, str):
                self.send_header("location", said)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = _serve  # noqa: N815 - http.server looks for these names

        def log_message(self, *_given: object) -> None:
            """Quiet."""

    with listening(Handler) as port:
        made.issuer = f"http://127.0.0.1:{port}"
        yield made
