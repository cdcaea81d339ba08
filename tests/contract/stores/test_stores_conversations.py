"""Conversations: numbered lines, keys, pages, tenants, and an end after 30 days."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.conversation import KEPT_S, MAX_LINES, Conversation, Line, LineKind
from opsagent.domain.run import Usage
from opsagent.errors import ConflictError, IdempotencyMismatch, NotFound
from opsagent.ports.conversations import LineKey
from opsagent.ports.stores import Stores


def made(clock: ManualClock, name: str = "one", *, tenant: str = "default", owner: str = "person:ada") -> Conversation:
    return Conversation(id=name, tenant=tenant, owner=owner, created_at=clock.now(), updated_at=clock.now())


def line(clock: ManualClock, text: str, *, tenant: str = "default", into: str = "one") -> Line:
    return Line(tenant=tenant, conversation_id=into, kind=LineKind.MESSAGE, text=text, at=clock.now())


async def test_lines_are_numbered_and_the_first_gives_the_title(stores: Stores, clock: ManualClock) -> None:
    kept = stores.conversations
    await kept.create(made(clock))
    clock.move(5)
    first = await kept.append(line(clock, "why is\nthe disk full?"))
    second = await kept.append(replace(line(clock, "no idea"), of=1, usage=Usage(input_tokens=7, calls=1)))
    assert (first.number, second.number) == (1, 2)
    assert await kept.lines("default", "one") == [first, second]
    assert await kept.lines("default", "one", after=1) == [second]
    assert await kept.lines("default", "one", limit=1) == [first]
    found = await kept.get("default", "one")
    assert (found.lines, found.updated_at) == (2, clock.now())
    assert found.title.startswith("why is")
    assert "\n" not in found.title


async def test_a_key_makes_one_line_however_often_and_at_once(stores: Stores, clock: ManualClock) -> None:
    kept = stores.conversations
    await kept.create(made(clock))
    key = LineKey(key="k", request_sha256="a")
    stored = await asyncio.gather(*(kept.append(line(clock, "hello"), key=key) for _ in range(5)))
    assert {one.number for one in stored} == {1}
    with pytest.raises(IdempotencyMismatch):
        await kept.append(line(clock, "other"), key=LineKey(key="k", request_sha256="b"))
    await kept.create(made(clock, "two"))
    assert (await kept.append(line(clock, "hello", into="two"), key=key)).conversation_id == "two"


async def test_a_list_is_of_its_owner_and_tenant(stores: Stores, clock: ManualClock) -> None:
    kept = stores.conversations
    for name, owner, tenant in (("a", "ada", "x"), ("b", "bob", "x"), ("c", "ada", "x"), ("a", "ada", "y")):
        await kept.create(made(clock, name, tenant=tenant, owner=owner))
        clock.move(1)
    assert [one.id for one in (await kept.list("x", owner="ada")).items] == ["c", "a"]
    first = await kept.list("x", limit=2)
    assert [one.id for one in first.items] == ["c", "b"]
    assert [one.id for one in (await kept.list("x", limit=2, cursor=first.cursor)).items] == ["a"]


async def test_another_tenants_is_not_there(stores: Stores, clock: ManualClock) -> None:
    kept = stores.conversations
    await kept.create(made(clock, tenant="x"))
    await kept.append(line(clock, "ours", tenant="x"))
    assert await kept.lines("y", "one") == []
    for refused in (
        kept.get("y", "one"), kept.append(line(clock, "theirs", tenant="y")), kept.delete("y", "one", "person:eve"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await refused
    assert (await kept.get("x", "one")).lines == 1


async def test_deleted_it_is_gone_with_its_lines_and_the_record_says_by_whom(
    stores: Stores, clock: ManualClock
) -> None:
    kept = stores.conversations
    await kept.create(made(clock))
    await kept.append(line(clock, "hello"))
    await kept.delete("default", "one", "person:ada")
    assert await kept.lines("default", "one") == []
    with pytest.raises(NotFound):
        await kept.delete("default", "one", "person:ada")
    entry = (await stores.audit.list("default"))[-1]
    assert (entry.action, entry.actor, entry.detail["conversation"]) == ("conversation.delete", "person:ada", "one")


async def test_what_nobody_adds_to_for_30_days_goes(stores: Stores, clock: ManualClock) -> None:
    kept = stores.conversations
    await kept.create(made(clock, "old"))
    await kept.append(line(clock, "hello", into="old"))
    await kept.create(made(clock, "young"))
    clock.move(KEPT_S - 1)
    await kept.append(line(clock, "still here", into="young"))
    await stores.housekeeping.expire()
    assert len((await kept.list("default")).items) == 2
    clock.move(1)
    await stores.housekeeping.expire()
    assert [one.id for one in (await kept.list("default")).items] == ["young"]
    assert await kept.lines("default", "old") == []
    assert len(await kept.lines("default", "young")) == 1


async def test_a_conversation_is_bounded(stores: Stores, clock: ManualClock) -> None:
    kept = stores.conversations
    await kept.create(made(clock))
    await asyncio.gather(*(kept.append(line(clock, str(one))) for one in range(MAX_LINES)))
    with pytest.raises(ConflictError, match="1000 lines"):
        await kept.append(line(clock, "one too many"))
