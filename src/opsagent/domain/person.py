"""People with a row of their own: who they are, what they may do, and the sessions they work in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from opsagent.domain.identity import Principal, PrincipalKind, Role
from opsagent.errors import InputError

# NIST SP 800-63B, 3.1.1.2: length counts, composition rules do not help; 64 characters at least must be taken.
LEAST_PASSWORD_CHARS, MOST_PASSWORD_CHARS = 12, 256
PERSON_ROLES = (Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN)
INVITATION_S = 3 * 86400.0  # long enough for a week-end


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who signs in. `name` is who they are in the record and never changes; it is unique, whatever its case.

    `login` is what they type (lower case). `subject` is who they are for the provider of single sign-on: its issuer, a
    blank, its name for them. Sessions begun under another `generation` are over. `invitation_sha256` is of the one link
    that sets a password, until `invitation_until` (epoch seconds). `version` grows with each change.
    """

    id: str
    tenant: str
    name: str
    login: str
    role: Role
    password_hash: str = field(default="", repr=False)
    subject: str = ""
    disabled_at: float | None = None
    invitation_sha256: str = field(default="", repr=False)
    invitation_until: float = 0.0
    generation: int = 0
    version: int = 0
    created_at: float = 0.0
    last_seen_at: float | None = None

    def principal(self) -> Principal:
        """Who acts in a session of theirs: the person, whom a linked chat user and a key of that name are too."""
        return Principal(
            id=f"{PrincipalKind.PERSON.value}:{self.name}",
            tenant=self.tenant,
            role=self.role,
            kind=PrincipalKind.PERSON,
        )

    def with_role(self, role: Role) -> Person:
        """From now on they may do that. InputError for a role that is no person's."""
        if role not in PERSON_ROLES:
            raise InputError(
                f"A person cannot have the role {role.value}.",
                fix=f"Use one of {', '.join(one.value for one in PERSON_ROLES)}.",
            )
        return replace(self, role=role)

    def with_password(self, password_hash: str) -> Person:
        """They sign in with another password; sessions they have are over, and an invitation is used up."""
        return replace(
            self,
            password_hash=password_hash,
            invitation_sha256="",
            invitation_until=0.0,
            generation=self.generation + 1,
        )

    def invited(self, token_sha256: str, until: float) -> Person:
        """Whoever has that token may set their password until then (epoch seconds); an earlier one works no more."""
        return replace(self, invitation_sha256=token_sha256, invitation_until=until)

    def disabled(self, now: float) -> Person:
        """They do not get in any more; sessions they have are over, and an invitation is void."""
        return replace(
            self,
            disabled_at=now,
            invitation_sha256="",
            invitation_until=0.0,
            generation=self.generation + 1,
        )

    def enabled(self) -> Person:
        """They get in again."""
        return replace(self, disabled_at=None)

    def signed_out(self) -> Person:
        """Every session they have is over."""
        return replace(self, generation=self.generation + 1)


class Means(StrEnum):
    """What somebody has shown to begin a session."""

    PASSWORD = "password"  # noqa: S105 - the word for it
    KEY = "key"
    INVITATION = "invitation"
    SINGLE_SIGN_ON = "single sign-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser of one person (`person_id`), or of whoever holds a key (`key_sha256`). Times are epoch seconds.

    `id_sha256` is all that is kept of its id. It is over at `ends_at`, however busy it is.
    """

    id_sha256: str
    tenant: str
    means: Means
    created_at: float
    seen_at: float
    ends_at: float
    person_id: str = ""
    key_sha256: str = field(default="", repr=False)
    generation: int = 0

    def is_over(self, now: float, idle_s: float) -> bool:
        """Whether its time has come, or nobody has used it for `idle_s` seconds."""
        return now >= self.ends_at or now - self.seen_at >= idle_s

    def is_of(self, person: Person) -> bool:
        """Whether it still lets that person in."""
        return person.disabled_at is None and self.person_id == person.id and self.generation == person.generation


def usable_password(password: str, *known: str) -> str:
    """The password, if it may be one. `known` is what anybody would try first. InputError that does not repeat it."""
    if not LEAST_PASSWORD_CHARS <= len(password) <= MOST_PASSWORD_CHARS:
        raise InputError(
            f"A password has {LEAST_PASSWORD_CHARS} to {MOST_PASSWORD_CHARS} characters.",
            fix="Four random words are good, and easy to type in the night.",
        )
    folded = password.strip().casefold()
    if len(set(folded)) < 5 or folded in {one.casefold() for one in known}:
        raise InputError("That password is too easy to guess.", fix="Take one that is neither a name nor a pattern.")
    return password
