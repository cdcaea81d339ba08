"""Many callers at once share transactions; each hears of its own, and one that is wrong spoils nobody's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.gathering import Gathering
from opsagent.adapters.stores.memory import open_memory
from opsagent.errors import InputError, StoreUnavailable
from opsagent.ports.stores import Stores
from opsagent.ports.tickets import Arrival, Joined
from store_nouns import Nouns


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    opened = open_memory(ManualClock(), SeededIds())
    await opened.housekeeping.open()
    yield opened
    await opened.housekeeping.close()


@pytest.fixture
def nouns() -> Nouns:
    return Nouns(ManualClock(), SeededIds(5))


class Counted:
    """The store's own door, and how often it was passed."""

    def __init__(self, stores: Stores) -> None:
        self.stores, self.calls, self.down = stores, 0, False

    async def __call__(self, arrivals: Sequence[Arrival]) -> Sequence[Joined]:
        self.calls += 1
        if self.down:
            raise StoreUnavailable("The disk is full.", fix="Make room.")
        return await self.stores.tickets._store(arrivals)


async def test_callers_at_once_share_a_transaction_and_hear_of_their_own(stores: Stores, nouns: Nouns) -> None:
    counted = Counted(stores)
    gather = Gathering(counted)
    calls = [[nouns.arrival(f"f{at}"), nouns.arrival(f"f{at % 7}")] for at in range(100)]
    found = await asyncio.gather(*(gather(call) for call in calls))
    assert counted.calls < 10
    for at, (call, joined) in enumerate(zip(calls, found, strict=True)):
        assert [one.ticket.fingerprint for one in joined] == [one.signal.fingerprint for one in call], at
    assert sum(one.created for joined in found for one in joined) == 100
    assert len((await stores.tickets.list(nouns.tenant, limit=200)).items) == 100


async def test_what_one_caller_did_wrong_is_its_own(stores: Stores, nouns: Nouns) -> None:
    gather = Gathering(Counted(stores))
    wrong = nouns.arrival("bad")
    wrong = replace(wrong, ticket=replace(wrong.ticket, description="\ud800"))  # no store can keep that
    results = await asyncio.gather(
        gather([nouns.arrival("f1")]), gather([wrong]), gather([nouns.arrival("f2")]), return_exceptions=True
    )
    assert isinstance(results[1], InputError)
    assert [results[at][0].created for at in (0, 2)] == [True, True]


async def test_a_store_that_is_down_is_said_to_all_and_tried_again_by_the_next(stores: Stores, nouns: Nouns) -> None:
    counted = Counted(stores)
    counted.down = True
    gather = Gathering(counted)
    results = await asyncio.gather(*(gather([nouns.arrival(f"f{at}")]) for at in range(3)), return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable) for one in results)
    counted.down = False
    (joined,) = await gather([nouns.arrival("f9")])
    assert joined.created


async def test_a_caller_that_goes_away_takes_nobody_along(stores: Stores, nouns: Nouns) -> None:
    gather = Gathering(Counted(stores))
    first, second = (asyncio.create_task(gather([nouns.arrival(name)])) for name in ("f1", "f2"))
    await asyncio.sleep(0)
    first.cancel()
    (joined,) = await second
    assert joined.created
    (again,) = await gather([nouns.arrival("f1")])
    assert not again.created, "it was stored all the same"
