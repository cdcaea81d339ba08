"""Single sign-on: what the provider vouches for, and what its groups may do here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opsagent.domain.identity import DEFAULT_TENANT, Role
from opsagent.domain.person import PERSON_ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Somebody who was sent to the provider: what has to come back with them, and what their browser keeps.

    `state` comes back in the address, `nonce` in the provider's token, `verifier` is shown for the code (RFC 7636).
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Whom the provider vouches for. `subject` is its issuer and its name for them; the rest may change over time.

    `verified` says that the login is an address the provider has checked to be theirs.
    """

    subject: str
    login: str
    groups: Sequence[str] = ()
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Which groups have which role, in which tenant. Without a `default` whoever is in none of them does not get in."""

    roles: Mapping[str, Role]
    default: Role | None = None
    tenant: str = DEFAULT_TENANT

    def role_of(self, groups: Sequence[str]) -> Role | None:
        """The highest role of the groups, else the default."""
        held = {self.roles[one] for one in groups if one in self.roles}
        return next((role for role in reversed(PERSON_ROLES) if role in held), self.default)
