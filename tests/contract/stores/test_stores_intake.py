"""What intake keeps: deliveries that could not be read, and heartbeats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsagent.domain.heartbeat import Heartbeat
from opsagent.domain.quarantine import MAX_KEPT, MAX_KEPT_BYTES, Quarantined
from opsagent.errors import NotFound
from opsagent.ports.stores import Stores

KEPT = Quarantined(
    id="q1",
    tenant="acme",
    source="grafana",
    received_at=100.0,
    body=b"\xff\x00{",
    size=3,
    why="/alerts is missing, not a list.",
    fix="Send a list there.",
    pointer="/alerts",
    headers={"content-type": "application/json"},
)


async def test_a_delivery_is_kept_as_it_came(stores: Stores) -> None:
    assert await stores.quarantine.keep(KEPT) == KEPT
    assert await stores.quarantine.get("acme", "q1") == KEPT
    assert list(await stores.quarantine.list("acme")) == [KEPT]


async def test_an_empty_one_is_kept_and_of_a_long_one_the_list_shows_the_beginning(stores: Stores) -> None:
    empty = replace(KEPT, id="q0", body=b"", size=0)
    long = replace(KEPT, id="q2", body=b"\xffx" * 5000, size=10_000, received_at=200.0)
    await stores.quarantine.keep(empty)
    await stores.quarantine.keep(long)
    listed = await stores.quarantine.list("acme")
    assert [len(one.body) for one in listed] == [512, 0]
    assert [await stores.quarantine.get("acme", one) for one in ("q0", "q2")] == [empty, long]


async def test_the_same_delivery_again_is_counted(stores: Stores) -> None:
    await stores.quarantine.keep(KEPT)
    again = replace(KEPT, received_at=160.0, why="other words")
    assert await stores.quarantine.keep(again) == replace(again, times=2)
    (found,) = await stores.quarantine.list("acme")
    assert (found.times, found.received_at, found.why) == (2, 160.0, "other words")


async def test_the_oldest_of_a_tenant_go_and_no_others(stores: Stores) -> None:
    await stores.quarantine.keep(replace(KEPT, tenant="other", received_at=1.0))
    for number in range(MAX_KEPT + 3):
        await stores.quarantine.keep(replace(KEPT, id=f"q{number:03}", received_at=200.0 + number))
    kept = await stores.quarantine.list("acme", limit=MAX_KEPT * 2)
    assert [one.id for one in kept] == [f"q{number:03}" for number in range(MAX_KEPT + 2, 2, -1)]
    assert len(await stores.quarantine.list("other")) == 1


async def test_large_ones_leave_room_for_fewer_and_the_newest_stays(stores: Stores) -> None:
    half = MAX_KEPT_BYTES // 2
    for number in range(3):
        await stores.quarantine.keep(replace(KEPT, id=f"q{number}", received_at=200.0 + number, body=b"x" * half))
    assert [one.id for one in await stores.quarantine.list("acme")] == ["q2", "q1"]
    await stores.quarantine.keep(replace(KEPT, id="q3", received_at=300.0, body=b"x" * (MAX_KEPT_BYTES + 1)))
    assert [one.id for one in await stores.quarantine.list("acme")] == ["q3"]


async def test_forgetting_is_recorded(stores: Stores) -> None:
    await stores.quarantine.keep(KEPT)
    await stores.quarantine.remove("acme", "q1", "person:ada")
    with pytest.raises(NotFound):
        await stores.quarantine.get("acme", "q1")
    with pytest.raises(NotFound):
        await stores.quarantine.remove("acme", "q1", "person:ada")
    (entry,) = await stores.audit.list("acme")
    assert (entry.action, entry.actor) == ("quarantine.remove", "person:ada")


async def test_the_latest_heartbeat_of_each_source_is_known(stores: Stores) -> None:
    await stores.heartbeats.beat("acme", "grafana", 100.0)
    await stores.heartbeats.beat("acme", "grafana", 130.0)
    await stores.heartbeats.beat("acme", "grafana", 120.0)  # one that was under way for longer
    await stores.heartbeats.beat("acme", "alertmanager", 90.0)
    await stores.heartbeats.told("acme", "grafana", 150.0)
    await stores.heartbeats.told("acme", "nobody", 150.0)
    assert list(await stores.heartbeats.list()) == [
        Heartbeat(tenant="acme", source="alertmanager", last_at=90.0),
        Heartbeat(tenant="acme", source="grafana", last_at=130.0, told_at=150.0),
    ]
    await stores.heartbeats.told("acme", "grafana", None)
    assert (await stores.heartbeats.list())[1].told_at is None
