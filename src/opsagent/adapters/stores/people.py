"""People who sign in."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, insert, or_, select, text, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.people_tables import people
from opsagent.domain.event import AuditEntry
from opsagent.domain.person import Person
from opsagent.errors import ConflictError, NotFound
from opsagent.ports.clock import Clock

_LOADED = (people.c.body, people.c.version, people.c.last_seen_at)
_FROM_OUTSIDE = text("subject != ''")  # word for word as in the index, or SQLite does not use it
_INVITED = text("invitation_sha256 != ''")


class SqlPeople:
    """PersonStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine, self._clock, self._chain = engine, clock, chain

    async def add(self, person: Person, by: str) -> Person:
        """Store a new one. ConflictError."""

        def work(connection: Connection) -> Person:
            stored = replace(person, version=1, created_at=self._clock.now())
            _refuse_another(connection, stored)
            connection.execute(insert(people), _row(stored))
            self._note(connection, stored, by, "person.add")
            return stored

        return await self._engine.write("people.add", work)

    async def get(self, tenant: str, person_id: str) -> Person:
        """One. NotFound."""
        return await self._engine.read(lambda connection: _found(connection, tenant, person_id))

    async def find(self, tenant: str, login: str) -> Person | None:
        """Who signs in by that."""
        return await self._one(people.c.tenant == tenant, people.c.login == login)

    async def of_subject(self, tenant: str, subject: str) -> Person | None:
        """Who that is for the provider of single sign-on."""
        return await self._one(_FROM_OUTSIDE, people.c.tenant == tenant, people.c.subject == subject)

    async def of_invitation(self, token_sha256: str) -> Person | None:
        """Whose invitation that is."""
        return await self._one(_INVITED, people.c.invitation_sha256 == token_sha256)

    async def list(self, tenant: str) -> Sequence[Person]:
        """All, by name."""
        query = select(*_LOADED).where(people.c.tenant == tenant).order_by(people.c.name_key)

        def work(connection: Connection) -> builtins.list[Person]:
            return [_load(row) for row in connection.execute(query)]

        return await self._engine.read(work)

    async def change(self, before: Person, after: Person, by: str, action: str) -> Person:
        """Store `after` instead of `before`. ConflictError, NotFound."""

        def work(connection: Connection) -> Person:
            stored = replace(after, version=before.version + 1)
            row = _row(stored)
            for unmoved in ("tenant", "id", "last_seen_at"):
                row.pop(unmoved)
            changed = connection.execute(
                update(people)
                .where(people.c.tenant == before.tenant, people.c.id == before.id, people.c.version == before.version)
                .values(**row)
            )
            if not changed.rowcount:
                _found(connection, before.tenant, before.id)
                raise ConflictError(
                    f"{before.name} was changed by somebody else meanwhile. Nothing was stored.",
                    fix="Look again, and change what is there now.",
                )
            self._note(connection, stored, by, action)
            return stored

        return await self._engine.write("people.change", work)

    async def _one(self, *where: Any) -> Person | None:
        query = select(*_LOADED).where(*where)
        row = await self._engine.read(lambda connection: connection.execute(query).first())
        return _load(row) if row else None

    def _note(self, connection: Connection, person: Person, by: str, action: str) -> None:
        detail = {"person": person.name, "login": person.login, "role": person.role.value}
        entry = AuditEntry(tenant=person.tenant, at=self._clock.now(), actor=by, action=action, detail=detail)
        self._chain.append(connection, [entry])


def _refuse_another(connection: Connection, person: Person) -> None:
    same = or_(people.c.login == person.login, people.c.name_key == person.name.casefold())
    taken = connection.execute(select(*_LOADED).where(people.c.tenant == person.tenant, same)).first()
    if taken is not None:
        other = _load(taken)
        raise ConflictError(
            f"There is somebody of that name or login already: {other.name} ({other.login}).",
            fix="Take another one; a name stands for one person in the record for ever.",
        )


def _found(connection: Connection, tenant: str, person_id: str) -> Person:
    row = connection.execute(select(*_LOADED).where(people.c.tenant == tenant, people.c.id == person_id)).first()
    if row is None:
        raise NotFound(f"There is no person {person_id}.", fix="List them: opsagent people list")
    return _load(row)


def _row(person: Person) -> dict[str, Any]:
    return {
        "tenant": person.tenant,
        "id": person.id,
        "login": person.login,
        "name_key": person.name.casefold(),
        "subject": person.subject,
        "invitation_sha256": person.invitation_sha256,
        "version": person.version,
        "created_at": person.created_at,
        "last_seen_at": person.last_seen_at,
        "body": encode(person),
    }


def _load(row: Any) -> Person:
    return replace(decode(Person, row.body), version=row.version, last_seen_at=row.last_seen_at)
