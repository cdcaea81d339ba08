"""People, their sessions, and how a password is kept. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.person import Person, Session


class PersonStore(Protocol):
    """Everybody who signs in. Each change is an audit entry in the same transaction."""

    async def add(self, person: Person, by: str) -> Person:
        """Store a new one. ConflictError when the login, the name or the subject is somebody's already."""
        ...

    async def get(self, tenant: str, person_id: str) -> Person:
        """One. NotFound."""
        ...

    async def find(self, tenant: str, login: str) -> Person | None:
        """Who signs in by that. An index read."""
        ...

    async def of_subject(self, tenant: str, subject: str) -> Person | None:
        """Who that is for the provider of single sign-on. An index read."""
        ...

    async def of_invitation(self, token_sha256: str) -> Person | None:
        """Whose invitation that is, in whatever tenant. An index read."""
        ...

    async def list(self, tenant: str) -> Sequence[Person]:
        """All, by name."""
        ...

    async def change(self, before: Person, after: Person, by: str, action: str) -> Person:
        """Store `after` with version + 1 instead of `before`, unless somebody changed it meanwhile: ConflictError.

        `action` is the word of the record (`person.role`). NotFound. A conditional write.
        """
        ...


class SessionStore(Protocol):
    """Who is signed in where, by the hash of a secret id."""

    async def begin(self, session: Session, by: str) -> None:
        """Store a new one, with an audit entry."""
        ...

    async def find(self, id_sha256: str) -> Session | None:
        """One, over or not, of whatever tenant. A get by key."""
        ...

    async def seen(self, session: Session, at: float) -> None:
        """It was used, and so its person was here. Best effort; an earlier time changes nothing."""
        ...

    async def end(self, session: Session, by: str) -> None:
        """Forget it, with an audit entry; again changes nothing."""
        ...


class Passwords(Protocol):
    """How passwords are kept: as hashes that are slow to compute."""

    async def keep(self, password: str) -> str:
        """What to store of it."""
        ...

    async def fits(self, kept: str, password: str) -> bool:
        """Whether it is that password. Nothing kept (empty) takes as long and never fits. RateLimited when overrun."""
        ...

    def is_old(self, kept: str) -> bool:
        """Whether it was kept in a way that is no longer the best: keep it anew at the next chance."""
        ...
