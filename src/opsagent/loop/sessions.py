"""The door to sessions: signing in, being recognised at each request, signing out."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, replace

from opsagent.domain.event import AuditEntry
from opsagent.domain.identity import DEFAULT_TENANT, Permission, Principal, sha256
from opsagent.domain.person import Means, Person, Session
from opsagent.errors import ConflictError, Forbidden, StoreUnavailable, Unauthenticated
from opsagent.ports.catalogue import KeyStore
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.people import Passwords, PersonStore, SessionStore
from opsagent.ports.stores import AuditStore

_log = logging.getLogger(__name__)
SEEN_EVERY_S = 60.0  # how exactly "last seen" and the idle time are known; each is a write
# The same for whoever is not here, whose password is another, and who is disabled.
_REFUSED = "That login and password do not fit."
_FIX = "Check both; an admin makes a new invitation with: opsagent people invite LOGIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that holds, and who acts in it. `name` is how a page greets them."""

    session: Session
    principal: Principal
    name: str
    person: Person | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A session that has just begun; its `id` is in nobody's hands but the browser's."""

    id: str
    signed_in: SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """`idle_s` is how long one may lie unused, `longest_s` how old it gets, both in seconds."""

    people: PersonStore
    keys: KeyStore
    sessions: SessionStore
    audit: AuditStore
    passwords: Passwords
    clock: Clock
    ids: Ids
    idle_s: float = 43_200.0
    longest_s: float = 604_800.0

    async def by_password(self, tenant: str, login: str, password: str, *, address: str = "") -> Begun:
        """Unauthenticated, after the same time and in the same words whatever is wrong. RateLimited.

        A failure is in the record; callers bound how often one may fail.
        """
        person = await self.people.find(tenant, login.strip().lower())
        kept = person.password_hash if person else ""
        fits = await self.passwords.fits(kept, password)
        if person is None or not fits or person.disabled_at is not None:
            await self._refused(person, address)
            raise Unauthenticated(_REFUSED, fix=_FIX)
        if self.passwords.is_old(kept):
            anew = replace(person, password_hash=await self.passwords.keep(password))
            with contextlib.suppress(ConflictError):  # somebody changed them just now; the next sign-in does it
                person = await self.people.change(person, anew, person.principal().id, "person.rehash")
        return await self.begin(person, Means.PASSWORD)

    async def by_key(self, secret: str) -> Begun:
        """Whoever holds that key, for as long as it lives. Unauthenticated; Forbidden when it may read nothing."""
        hashed = sha256(secret)
        found = await self._of_key(self._session(Means.KEY, "", key_sha256=hashed))
        if found is None:
            raise Unauthenticated("This is no key that works here.", fix="Paste it as it was shown, opsa_...")
        if not found.principal.may(Permission.READ):
            raise Forbidden(f"{found.principal.id} may read nothing.", fix="Use a key of the role viewer or higher.")
        return await self._begun(found)

    async def begin(self, person: Person, means: Means) -> Begun:
        """A session of somebody who has just shown who they are."""
        session = self._session(means, person.tenant, person_id=person.id, generation=person.generation)
        return await self._begun(
            SignedIn(session=session, principal=person.principal(), name=person.name, person=person)
        )

    async def find(self, session_id: str, *, used: bool = True) -> SignedIn | None:
        """Who acts in that session, by what holds now; None when it is over or never was.

        With `used` it is good for another while (`idle_s`).
        """
        session = await self.sessions.find(sha256(session_id)) if session_id else None
        now = self.clock.now()
        if session is None or session.is_over(now, self.idle_s):
            return None
        found = await (self._of_person(session) if session.person_id else self._of_key(session))
        if used and found is not None and now - session.seen_at >= min(SEEN_EVERY_S, self.idle_s / 2):
            try:
                await self.sessions.seen(session, now)
            except StoreUnavailable as error:  # a full disk must not keep anybody from reading
                _log.warning("that a session was used could not be noted: %s", error.message)
        return found

    async def end(self, signed_in: SignedIn) -> None:
        """Sign out here."""
        await self.sessions.end(signed_in.session, signed_in.principal.id)

    async def _refused(self, person: Person | None, address: str) -> None:
        """Note it, for nobody we know too: else the time of the write would tell which logins there are."""
        # What was typed is left out: it may be a password in the wrong field.
        tenant, name = (person.tenant, person.name) if person else (DEFAULT_TENANT, "")
        detail = {"person": name, "address": address}
        entry = AuditEntry(tenant=tenant, at=self.clock.now(), actor="nobody", action="session.refused", detail=detail)
        await self.audit.append([entry])

    async def _of_person(self, session: Session) -> SignedIn | None:
        person = await self.people.get(session.tenant, session.person_id)
        if not session.is_of(person):
            return None
        return SignedIn(session=session, principal=person.principal(), name=person.name, person=person)

    async def _of_key(self, session: Session) -> SignedIn | None:
        key = await self.keys.find(session.key_sha256)
        return SignedIn(session=session, principal=key.principal(), name=key.name) if key else None

    async def _begun(self, signed_in: SignedIn) -> Begun:
        identifier = self.ids.secret()
        session = replace(signed_in.session, id_sha256=sha256(identifier), tenant=signed_in.principal.tenant)
        await self.sessions.begin(session, signed_in.principal.id)
        return Begun(id=identifier, signed_in=replace(signed_in, session=session))

    def _session(
        self, means: Means, tenant: str, *, person_id: str = "", key_sha256: str = "", generation: int = 0
    ) -> Session:
        now = self.clock.now()
        return Session(
            id_sha256="",
            tenant=tenant,
            means=means,
            created_at=now,
            seen_at=now,
            ends_at=now + self.longest_s,
            person_id=person_id,
            key_sha256=key_sha256,
            generation=generation,
        )
