"""The door for people a provider vouches for: who they are here, what they may do, and their session."""

from __future__ import annotations

from dataclasses import dataclass, replace

from opsagent.domain.identity import Role
from opsagent.domain.person import Means, Person
from opsagent.domain.single_sign_on import Admission, Errand, Vouched
from opsagent.errors import ConflictError, Forbidden
from opsagent.loop.people import usable_login
from opsagent.loop.sessions import Begun, Sessions
from opsagent.ports.clock import Ids
from opsagent.ports.people import PersonStore
from opsagent.ports.single_sign_on import IdentityProvider

BY = "single sign-on"  # who does it, in the record


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleSignOn:
    """Whoever signs in for the first time is added; their role follows their groups at each sign-in."""

    provider: IdentityProvider
    admission: Admission
    people: PersonStore
    sessions: Sessions
    ids: Ids

    def errand(self) -> Errand:
        """A new one."""
        return Errand(state=self.ids.secret(), nonce=self.ids.secret(), verifier=self.ids.secret())

    async def address(self, errand: Errand, back_to: str) -> str:
        """Where a browser is sent. UnavailableError, InputError."""
        return await self.provider.address(errand, back_to)

    async def arrive(self, errand: Errand, code: str, back_to: str) -> Begun:
        """Back from the provider. Unauthenticated, Forbidden, ConflictError, UnavailableError."""
        vouched = await self.provider.vouch(errand, code, back_to)
        role = self.admission.role_of(vouched.groups)
        if role is None:
            raise Forbidden(
                f"{vouched.login[:200]} is in no group that may do anything here.",
                fix="Have somebody put them into one, or an admin name their group in oidc_roles.",
            )
        person = await self._person(vouched, role)
        if person.disabled_at is not None:
            raise Forbidden(f"{person.name} is disabled here.", fix="An admin enables them: opsagent people enable")
        return await self.sessions.begin(person, Means.SINGLE_SIGN_ON)

    async def _person(self, vouched: Vouched, role: Role) -> Person:
        tenant = self.admission.tenant
        known = await self.people.of_subject(tenant, vouched.subject)
        if known is None:
            known = await self.people.find(tenant, vouched.login.strip().lower())
            if known is None:
                return await self._added(vouched, role)
            known = await self._recognised(known, vouched)
        if known.role is role:
            return known
        return await self.people.change(known, known.with_role(role), BY, "person.role")

    async def _recognised(self, person: Person, vouched: Vouched) -> Person:
        """Somebody who was here before the provider was: theirs, if the provider has checked that address."""
        if person.subject or not vouched.verified:
            raise ConflictError(
                f"{person.login} is somebody here already, and the provider does not say that it is the same person.",
                fix="Let the provider verify the e-mail address (email_verified), or take another login.",
            )
        return await self.people.change(person, replace(person, subject=vouched.subject), BY, "person.link")

    async def _added(self, vouched: Vouched, role: Role) -> Person:
        login = usable_login(vouched.login)
        # Not by the name the provider shows: there people call themselves as they like, and here a name is a person.
        person = Person(
            id=self.ids.uuid(),
            tenant=self.admission.tenant,
            name=login[:64],
            login=login,
            role=role,
            subject=vouched.subject,
        )
        return await self.people.add(person, BY)
