"""Single sign-on by OpenID Connect."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr, field_validator

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret

RoleName = Literal["", "viewer", "operator", "approver", "admin"]
_ROLES = ("viewer", "operator", "approver", "admin")


class OidcSettings(Area):
    """Off until an issuer is named. A second factor is the provider's matter (docs/people.md)."""

    oidc_issuer: str = setting(
        "", "The provider, exactly as its discovery document names itself (https://id.example.com/realms/ops).",
        pattern=r"^(https?://[^\s?#]+)?$", shown="none",
    )  # fmt: skip
    oidc_client_id: str = setting("", "What the provider calls this installation.", shown="none", max_length=500)
    oidc_client_secret: Secret = setting(SecretStr(""), "What proves to the provider that it is us. Empty: PKCE alone.")
    oidc_scopes: tuple[str, ...] = setting(("openid", "profile", "email"), "What is asked for; openid is needed.")
    oidc_login_claim: str = setting("email", "The claim that is somebody's login here.", min_length=1, max_length=100)
    oidc_groups_claim: str = setting("groups", "The claim that lists somebody's groups.", min_length=1, max_length=100)
    oidc_roles: tuple[str, ...] = setting(
        (), "Which group has which role here: `oncall=approver`. Of several the highest holds.", shown="none"
    )
    oidc_default_role: RoleName = setting(
        "", "The role of people in none of these groups; without one they do not get in.", shown="none"
    )
    oidc_tenant: str = setting("default", "The tenant people of the provider belong to.", min_length=1, max_length=100)

    @field_validator("oidc_roles")
    @classmethod
    def _are_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            group, equals, role = one.rpartition("=")
            if not (group and equals and role in _ROLES):
                raise ValueError(f"{one!r} is not GROUP=ROLE with a role among {', '.join(_ROLES)}")
        return value
