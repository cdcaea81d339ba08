"""Keeps count of what was spent on models, so that a budget holds over restarts and several workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.spending import Amount, Booking, Budget, DaySpent


class SpendingStore(Protocol):
    """Booked first, settled after the answer: what a killed worker had asked stays counted with the most it may cost.

    The rules of ports/stores.py hold here too.
    """

    async def book(self, booking: Booking, budget: Budget) -> None:
        """Count `most` for the run and for the tenant's day, if both stay within the budget.

        BudgetSpent, with nothing counted. One transaction of two conditional writes.
        """
        ...

    async def settle(self, booking: Booking, spent: Amount) -> None:
        """Put what it really cost in place of what was booked."""
        ...

    async def spent(self, tenant: str, *, run_id: str = "", day: str = "") -> Amount:
        """What a run, or a tenant's day, has taken so far; nothing for what was never booked."""
        ...

    async def days(self, tenant: str, *, since: str) -> Sequence[DaySpent]:
        """The days from `since` (`2026-11-30`) on in which something was asked, the newest first."""
        ...
