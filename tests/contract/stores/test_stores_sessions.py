"""People who sign in and their sessions: one name is one person, and a change is made by one at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.identity import Role
from opsagent.domain.person import Means, Person, Session
from opsagent.errors import ConflictError, NotFound
from opsagent.ports.stores import Stores


def person(**changes: object) -> Person:
    made = {"id": "p1", "tenant": "acme", "name": "Ada", "login": "ada@example.com", "role": Role.APPROVER}
    return Person(**(made | changes))  # type: ignore[arg-type]


def session(clock: ManualClock, **changes: object) -> Session:
    now = clock.now()
    made = {"id_sha256": "a" * 64, "tenant": "acme", "means": Means.PASSWORD, "person_id": "p1"}
    times = {"created_at": now, "seen_at": now, "ends_at": now + 100.0}
    return Session(**(made | times | changes))  # type: ignore[arg-type]


async def test_a_person_is_found_by_what_they_are_known_by(stores: Stores, clock: ManualClock) -> None:
    added = await stores.people.add(person(subject="https://idp 7", password_hash="$h"), "admin")
    assert (added.version, added.created_at) == (1, clock.now())
    people = stores.people
    assert await people.get("acme", "p1") == added
    assert await people.find("acme", "ada@example.com") == added
    assert await people.of_subject("acme", "https://idp 7") == added
    assert await people.list("acme") == [added]
    assert await people.find("acme", "Ada") is None
    assert await people.of_subject("acme", "") is None
    assert await people.of_invitation("") is None
    with pytest.raises(NotFound):
        await people.get("acme", "p2")


@pytest.mark.parametrize(
    "other",
    [{"login": "ada@example.com"}, {"name": "aDA"}, {"subject": "https://idp 7"}],
    ids=["login", "name", "subject"],
)
async def test_what_somebody_is_known_by_is_theirs_alone(stores: Stores, other: dict[str, str]) -> None:
    await stores.people.add(person(subject="https://idp 7"), "admin")
    second = person(**({"id": "p2", "name": "Grace", "login": "grace"} | other))
    with pytest.raises(ConflictError):
        await stores.people.add(second, "admin")
    assert len(await stores.people.list("acme")) == 1
    await stores.people.add(replace(second, tenant="other"), "admin")
    await stores.people.add(person(id="p3", name="Eve", login="eve"), "admin")
    await stores.people.add(person(id="p4", name="Bob", login="bob"), "admin")


async def test_of_two_changes_at_once_one_holds(stores: Stores) -> None:
    before = await stores.people.add(person(), "admin")
    both = [before.with_role(role) for role in (Role.VIEWER, Role.ADMIN)]
    changes = [stores.people.change(before, after, "admin", "person.role") for after in both]
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert [type(one) for one in results].count(ConflictError) == 1
    (held,) = [one for one in results if isinstance(one, Person)]
    assert await stores.people.get("acme", "p1") == held
    assert held.version == 2
    with pytest.raises(NotFound):
        await stores.people.change(replace(before, id="p9"), before, "admin", "person.role")


async def test_an_invitation_is_found_until_it_is_used(stores: Stores) -> None:
    before = await stores.people.add(person(), "admin")
    invited = await stores.people.change(before, before.invited("f" * 64, 9.0), "admin", "person.invite")
    assert await stores.people.of_invitation("f" * 64) == invited
    used = await stores.people.change(invited, invited.with_password("$h"), "person:Ada", "person.password")
    assert await stores.people.of_invitation("f" * 64) is None
    assert used.generation == before.generation + 1


async def test_a_session_is_found_by_its_hash_until_it_ends(stores: Stores, clock: ManualClock) -> None:
    await stores.people.add(person(), "admin")
    begun = session(clock)
    await stores.sessions.begin(begun, "person:Ada")
    assert await stores.sessions.find("a" * 64) == begun
    assert await stores.sessions.find("b" * 64) is None
    await stores.sessions.seen(begun, clock.now() + 9)
    await stores.sessions.seen(begun, clock.now() + 5)
    found = await stores.sessions.find("a" * 64)
    assert found == replace(begun, seen_at=clock.now() + 9)
    assert (await stores.people.get("acme", "p1")).last_seen_at == clock.now() + 9
    for _ in range(2):
        await stores.sessions.end(begun, "person:Ada")
    assert await stores.sessions.find("a" * 64) is None
    await stores.sessions.seen(begun, clock.now() + 20)
    assert await stores.sessions.find("a" * 64) is None


async def test_a_change_of_a_person_keeps_when_they_were_here(stores: Stores, clock: ManualClock) -> None:
    before = await stores.people.add(person(), "admin")
    begun = session(clock)
    await stores.sessions.begin(begun, "person:Ada")
    await stores.sessions.seen(begun, clock.now() + 9)
    await stores.people.change(before, before.with_role(Role.VIEWER), "admin", "person.role")
    assert (await stores.people.get("acme", "p1")).last_seen_at == clock.now() + 9


async def test_sessions_at_their_end_are_swept(stores: Stores, clock: ManualClock) -> None:
    for number in range(3):
        await stores.sessions.begin(session(clock, id_sha256=f"{number}" * 64, ends_at=clock.now() + number), "p")
    clock.move(1.0)
    await stores.housekeeping.expire()
    assert [bool(await stores.sessions.find(f"{number}" * 64)) for number in range(3)] == [False, False, True]


async def test_every_change_is_in_the_record(stores: Stores, clock: ManualClock) -> None:
    before = await stores.people.add(person(password_hash="$secret"), "admin")
    await stores.people.change(before, before.with_role(Role.VIEWER), "admin", "person.role")
    await stores.sessions.begin(session(clock), "person:Ada")
    await stores.sessions.end(session(clock), "person:Ada")
    entries = await stores.audit.list("acme")
    assert [one.action for one in entries] == ["person.add", "person.role", "session.begin", "session.end"]
    assert entries[1].detail == {"person": "Ada", "login": "ada@example.com", "role": "viewer"}
    assert "secret" not in str(entries)
    assert "a" * 64 not in str(entries)
    assert (await stores.audit.verify("acme")).trouble == ""
