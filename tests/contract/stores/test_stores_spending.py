"""What is spent on models: counted before it is asked, never beyond the budget, each tenant for itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from opsagent.domain.spending import Amount, Booking, Budget
from opsagent.errors import BudgetSpent
from opsagent.ports.stores import Stores

BOOKING = Booking(tenant="acme", run_id="r1", day="2026-11-30", most=Amount(tokens=100, micros=40))
BUDGET = Budget(run=Amount(tokens=250, micros=1000), day=Amount(tokens=350))


async def both(stores: Stores, tenant: str = "acme", run_id: str = "r1") -> tuple[Amount, Amount]:
    store = stores.spending
    return await store.spent(tenant, run_id=run_id), await store.spent(tenant, day="2026-11-30")


async def test_what_was_booked_stays_counted_until_it_is_settled(stores: Stores) -> None:
    await stores.spending.book(BOOKING, BUDGET)
    assert await both(stores) == (BOOKING.most, BOOKING.most)
    await stores.spending.settle(BOOKING, Amount(tokens=30, micros=7))
    assert await both(stores) == (Amount(tokens=30, micros=7), Amount(tokens=30, micros=7))


async def test_nothing_of_a_question_beyond_a_budget_is_counted(stores: Stores) -> None:
    for _ in range(2):
        await stores.spending.book(BOOKING, BUDGET)
    with pytest.raises(BudgetSpent, match=r"of this run does not reach: 200 of 250 tokens are spent.* may take 100"):
        await stores.spending.book(BOOKING, BUDGET)
    other = replace(BOOKING, run_id="r2")
    await stores.spending.book(other, BUDGET)
    with pytest.raises(BudgetSpent, match=r"this tenant on 2026-11-30 \(UTC\) does not reach: 300 of 350"):
        await stores.spending.book(other, BUDGET)
    assert await both(stores, run_id="r2") == (BOOKING.most, Amount(tokens=300, micros=120))
    await stores.spending.book(replace(other, day="2026-12-01"), BUDGET)


async def test_money_has_a_limit_of_its_own(stores: Stores) -> None:
    budget = Budget(run=Amount(micros=2_000_000))
    dear = replace(BOOKING, most=Amount(tokens=10**12, micros=1_500_000))
    await stores.spending.book(dear, budget)
    with pytest.raises(BudgetSpent, match=r"1\.5000 of 2\.0000 is spent, and one more question may cost 1\.5000"):
        await stores.spending.book(dear, budget)


async def test_another_tenant_has_another_purse(stores: Stores) -> None:
    await stores.spending.book(BOOKING, BUDGET)
    assert await both(stores, "other") == (Amount(), Amount())
    await stores.spending.settle(replace(BOOKING, tenant="other"), Amount())
    assert await both(stores) == (BOOKING.most, BOOKING.most)


async def test_many_at_once_stay_within_it(stores: Stores) -> None:
    budget = Budget(day=Amount(tokens=500))

    async def one(number: int) -> bool:
        try:
            await stores.spending.book(replace(BOOKING, run_id=f"r{number}"), budget)
        except BudgetSpent:
            return False
        return True

    assert sum(await asyncio.gather(*(one(number) for number in range(12)))) == 5
    assert await stores.spending.spent("acme", day="2026-11-30") == Amount(tokens=500, micros=200)


async def test_days_are_told_with_each_models_part_the_newest_first(stores: Stores) -> None:
    first, second = replace(BOOKING, model="openai:a"), replace(BOOKING, model="openai:b", run_id="r2")
    await stores.spending.book(first, Budget())
    await stores.spending.book(second, Budget())
    await stores.spending.settle(first, Amount(tokens=30, micros=7))
    await stores.spending.book(replace(first, day="2026-12-01"), Budget())
    await stores.spending.book(replace(first, tenant="other", day="2026-12-02"), Budget())
    today, before = await stores.spending.days("acme", since="2026-11-30")
    assert (today.day, today.whole, today.models) == ("2026-12-01", BOOKING.most, {"openai:a": BOOKING.most})
    assert (before.day, before.whole) == ("2026-11-30", Amount(tokens=130, micros=47))
    assert before.models == {"openai:a": Amount(tokens=30, micros=7), "openai:b": BOOKING.most}
    assert [one.day for one in await stores.spending.days("acme", since="2026-12-01")] == ["2026-12-01"]
