"""How much something matters; the same four words for tasks, alerts and tickets (AG-13, AL-2)."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """From most to least urgent; `rank` sorts (0 is first)."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for critical up to 3 for low."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}
