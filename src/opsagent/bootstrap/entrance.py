"""How people get in: who they are, their sessions, and the provider that vouches for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from urllib.parse import urlsplit

from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.passwords import Argon2Passwords
from opsagent.bootstrap import configs
from opsagent.domain.identity import Role
from opsagent.domain.single_sign_on import Admission
from opsagent.errors import ConfigurationError
from opsagent.loop.people import People
from opsagent.loop.sessions import Sessions
from opsagent.loop.single_sign_on import SingleSignOn
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.single_sign_on import IdentityProvider
from opsagent.ports.stores import Stores
from opsagent.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """They share how passwords are kept, and so how many are looked at in one moment."""

    people: People
    sessions: Sessions
    single_sign_on: SingleSignOn | None = None


def entrance(settings: Settings, stores: Stores, clock: Clock, ids: Ids) -> Entrance:
    """The way in for people. ConfigurationError."""
    passwords, given = Argon2Passwords(), settings.sessions
    sessions = Sessions(
        people=stores.people,
        keys=stores.keys,
        sessions=stores.sessions,
        audit=stores.audit,
        passwords=passwords,
        clock=clock,
        ids=ids,
        idle_s=given.session_idle_seconds,
        longest_s=given.session_longest_seconds,
    )
    single_sign_on = None
    if settings.oidc.oidc_issuer:
        single_sign_on = SingleSignOn(
            provider=_provider(settings, clock),
            admission=_admission(settings),
            people=stores.people,
            sessions=sessions,
            ids=ids,
        )
    return Entrance(
        people=People(people=stores.people, passwords=passwords, clock=clock, ids=ids),
        sessions=sessions,
        single_sign_on=single_sign_on,
    )


def _provider(settings: Settings, clock: Clock) -> IdentityProvider:
    given = settings.oidc
    if not given.oidc_client_id or "openid" not in given.oidc_scopes:
        raise ConfigurationError(
            "Single sign-on has an issuer, and no client id or not the scope openid.",
            fix="Set OPSAGENT_OIDC_CLIENT_ID to what the provider calls this installation; keep openid in the scopes.",
        )
    if find_spec("authlib") is None:
        raise ConfigurationError(
            "Single sign-on needs Authlib, which is not installed.", fix="pip install 'opsagent[oidc]'"
        )
    from opsagent.adapters.oidc.config import OidcConfig
    from opsagent.adapters.oidc.provider import OidcProvider

    config = OidcConfig(
        issuer=given.oidc_issuer,
        client_id=given.oidc_client_id,
        client_secret=given.oidc_client_secret.get_secret_value(),
        scopes=given.oidc_scopes,
        login_claim=given.oidc_login_claim,
        groups_claim=given.oidc_groups_claim,
    )
    outbound = configs.outbound(settings)
    # Whoever named the provider means it, wherever it stands; what it sends us on to is held to the rules.
    allowed = (*outbound.allowed_hosts, urlsplit(given.oidc_issuer).netloc)
    return OidcProvider(config, OutboundClient(replace(outbound, allowed_hosts=allowed), clock), clock)


def _admission(settings: Settings) -> Admission:
    given = settings.oidc
    pairs = [one.rpartition("=") for one in given.oidc_roles]
    return Admission(
        roles={group: Role(role) for group, _, role in pairs},
        default=Role(given.oidc_default_role) if given.oidc_default_role else None,
        tenant=given.oidc_tenant,
    )
