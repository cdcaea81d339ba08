"""Puts aside what a question may cost before it is asked, and notes what it did cost."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opsagent.adapters.reasoners.thinking import Prompt
from opsagent.domain.run import Run, Usage
from opsagent.domain.spending import Booking, Budget, Price
from opsagent.errors import StoreUnavailable
from opsagent.ports.clock import Clock
from opsagent.ports.spending import SpendingStore

log = logging.getLogger(__name__)
_BYTES_A_TOKEN = 3  # of English some four; fewer for other languages and for code, so this errs to the dear side
_FREE = Price()


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseConfig:
    """`prices` by model; one without a price costs no money, only tokens. `calls`: of a framework for one question."""

    budget: Budget = field(default_factory=Budget)
    prices: Mapping[str, Price] = field(default_factory=dict)
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Counts in the store, so that a restart, or another worker, goes on from the same sum."""

    store: SpendingStore
    clock: Clock
    config: PurseConfig

    async def book(self, run: Run, prompt: Prompt) -> Booking:
        """Put aside the most it may cost. BudgetSpent; StoreUnavailable: then nothing is asked."""
        booking = Booking(
            tenant=run.tenant,
            run_id=run.parent or run.id,  # all subtasks of a run share its budget
            day=datetime.fromtimestamp(self.clock.now(), UTC).date().isoformat(),
            model=prompt.model,
            most=self._price(prompt).of(_most(prompt, self.config.calls)),
        )
        await self.store.book(booking, self.config.budget)
        return booking

    async def settle(self, booking: Booking, prompt: Prompt, usage: Usage) -> None:
        """Count what it cost. An answer is not lost for want of that: then the most stays counted."""
        try:
            await self.store.settle(booking, self._price(prompt).of(usage))
        except StoreUnavailable as error:
            log.warning("what run %s spent stays counted at its most: %s", booking.run_id, error.message)

    def _price(self, prompt: Prompt) -> Price:
        return self.config.prices.get(prompt.model, _FREE)


def _most(prompt: Prompt, calls: int) -> Usage:
    """Each call of a framework is shown the question and what the calls before it said."""
    said = f"{prompt.system}{prompt.user}{json.dumps(dict(prompt.schema))}".encode("utf-8", "replace")
    shown = calls * (len(said) // _BYTES_A_TOKEN + 1) + prompt.output_tokens * (calls * (calls - 1) // 2)
    return Usage(input_tokens=shown, output_tokens=calls * prompt.output_tokens, calls=1)
