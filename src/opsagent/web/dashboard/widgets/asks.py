"""What one run asks people, wherever that run is shown: the same cards as on the Agent Dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.cards import Cards


class Asks:
    """The questions of one run; `keys` answer them on a page that is about nothing else."""

    def __init__(self, visit: Visit, run_id: str, *, keys: bool = False) -> None:
        self._run_id = run_id
        self._cards = Cards(visit, keys=keys)

    async def show(self, pending: Mapping[str, Any]) -> bool:
        """As `/api/v1/agent/pending-approvals` tells it now; whether there is a new question."""
        before = len(self._cards)
        await self._cards.show(
            [one for one in pending["approvals"] if one["runId"] == self._run_id],
            [one for one in pending["unknownSteps"] if one["sessionId"] == self._run_id],
        )
        return len(self._cards) > before

    def choose_first(self) -> None:
        """When the page opens, the first is chosen; later only its reader chooses."""
        self._cards.choose_first()

    @property
    def waiting(self) -> bool:
        """Whether any of them still waits."""
        return bool(self._cards.waiting)
