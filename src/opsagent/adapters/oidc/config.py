"""What a provider needs to be told about us, and we about it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """`issuer` as its discovery document names itself. `login_claim` holds what people are found by."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    login_claim: str = "email"
    groups_claim: str = "groups"
