"""The door to people: an admin adds them and says what they may do, and each sets a password of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.identity import Principal, PrincipalKind, Role, sha256
from opsagent.domain.person import INVITATION_S, Person, usable_password
from opsagent.errors import Forbidden, InputError, NotFound
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.people import Passwords, PersonStore

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}")  # as keys and linked chat users are named
_GONE = "This invitation is not valid any more, or never was."


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link's secret, shown once; `until` is epoch seconds."""

    token: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Callers have checked the permission of their route; that only a person makes persons, this does."""

    people: PersonStore
    passwords: Passwords
    clock: Clock
    ids: Ids

    async def list(self, principal: Principal) -> Sequence[Person]:
        """All of the tenant, by name."""
        return await self.people.list(principal.tenant)

    async def get(self, principal: Principal, person_id: str) -> Person:
        """One, by id or login. NotFound."""
        found = await self.people.find(principal.tenant, person_id.lower())
        return found or await self.people.get(principal.tenant, person_id)

    async def add(self, principal: Principal, *, login: str, role: Role, name: str = "", password: str = "") -> Person:
        """Somebody new; without a password they get in by an invitation or by single sign-on.

        Forbidden, InputError, ConflictError.
        """
        _only_a_person(principal)
        login = usable_login(login)
        called = usable_name(name or login[:64])
        new = Person(id=self.ids.uuid(), tenant=principal.tenant, name=called, login=login, role=Role.VIEWER)
        kept = await self.passwords.keep(usable_password(password, login, new.name)) if password else ""
        return await self.people.add(new.with_role(role).with_password(kept), principal.id)

    async def set_role(self, principal: Principal, person_id: str, role: Role) -> Person:
        """They may do that from their next request on. Forbidden, NotFound, InputError, ConflictError."""
        _only_a_person(principal)
        before = await self.get(principal, person_id)
        if before.role is role:
            return before
        return await self.people.change(before, before.with_role(role), principal.id, "person.role")

    async def set_password(self, principal: Principal, person_id: str, password: str) -> Person:
        """An admin sets it; whoever was signed in as them is not any more. Forbidden, NotFound, InputError."""
        _only_a_person(principal)
        before = await self.get(principal, person_id)
        kept = await self.passwords.keep(usable_password(password, before.login, before.name))
        return await self.people.change(before, before.with_password(kept), principal.id, "person.password")

    async def disable(self, principal: Principal, person_id: str, *, on: bool = True) -> Person:
        """They do not get in any more, at once; or (`on=False`) they do again. Forbidden, NotFound."""
        _only_a_person(principal)
        before = await self.get(principal, person_id)
        if (before.disabled_at is not None) is on:
            return before
        after = before.disabled(self.clock.now()) if on else before.enabled()
        return await self.people.change(before, after, principal.id, f"person.{'disable' if on else 'enable'}")

    async def sign_out(self, principal: Principal, person_id: str) -> Person:
        """Every session of theirs is over. NotFound."""
        before = await self.get(principal, person_id)
        return await self.people.change(before, before.signed_out(), principal.id, "person.logout")

    async def invite(self, principal: Principal, person_id: str) -> Invitation:
        """A secret by which they set a password, once. Forbidden, NotFound, InputError."""
        _only_a_person(principal)
        before = await self.get(principal, person_id)
        if before.disabled_at is not None:
            raise InputError(f"{before.name} is disabled.", fix="Enable them first: opsagent people enable")
        made = Invitation(token=self.ids.secret(), until=self.clock.now() + INVITATION_S)
        await self.people.change(before, before.invited(sha256(made.token), made.until), principal.id, "person.invite")
        return made

    async def set_own(self, person: Person, current: str, password: str) -> Person:
        """Somebody changes their own; every session of theirs is over. InputError, ConflictError, RateLimited."""
        if not await self.passwords.fits(person.password_hash, current):
            raise InputError(
                "The present password does not fit.", fix="Whoever has none asks an admin: opsagent people invite"
            )
        kept = await self.passwords.keep(usable_password(password, person.login, person.name))
        return await self.people.change(person, person.with_password(kept), person.principal().id, "person.password")

    async def accept(self, token: str, password: str) -> Person:
        """Whoever was invited sets their password. NotFound, InputError, ConflictError when two do at once."""
        before = await self.people.of_invitation(sha256(token)) if token else None
        if before is None or before.disabled_at is not None or self.clock.now() >= before.invitation_until:
            raise NotFound(_GONE, fix="Ask an admin for another one: opsagent people invite")
        kept = await self.passwords.keep(usable_password(password, before.login, before.name))
        return await self.people.change(before, before.with_password(kept), before.principal().id, "person.password")


def usable_login(text: str) -> str:
    """What somebody types to sign in, in lower case. InputError."""
    login = text.strip().lower()
    if LOGIN.fullmatch(login) is None:
        raise InputError(
            f"{text[:130]!r} cannot be a login.", fix="Use an e-mail address, or letters, digits and . _ + - @."
        )
    return login


def usable_name(text: str) -> str:
    """What somebody is called in the record. InputError."""
    name = text.strip()
    if NAME.fullmatch(name) is None:
        raise InputError(
            f"{text[:70]!r} cannot be a name here.",
            fix="At most 64 letters, digits, blanks and . _ @ + -, beginning with a letter or digit.",
        )
    return name


def _only_a_person(principal: Principal) -> None:
    if principal.kind is not PrincipalKind.PERSON:
        raise Forbidden(
            f"{principal.id} is a service; only a person says who a person is and what they may do.",
            fix="Have an admin do it by hand.",
        )
