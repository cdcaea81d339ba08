"""Finds runbooks by what people and alerts call things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.runbook import Runbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A runbook found: its id, a score (higher is better, comparable within one search) and why, in words.

    `exact` is true only for a match of id, alias or alert name: the only kind that executes by itself. `explained` is
    the share (0..1) of the query that its words account for.
    """

    id: str
    score: float
    why: str
    exact: bool = False
    explained: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Hits, best first; `fits` is False when nothing answers the query (hits may still hold the nearest)."""

    query: str
    fits: bool
    hits: tuple[Hit, ...]


class RunbookIndex(Protocol):
    """A local index, rebuilt from the store's rows; it may be stale until `refresh`."""

    async def refresh(self, tenant: str, revision: int, runbooks: Sequence[Runbook]) -> None:
        """Hold exactly these runbooks for the tenant; does nothing when it holds that revision."""
        ...

    async def search(self, tenant: str, query: str, *, limit: int = 5) -> Found:
        """The best runbooks for a query, ranked."""
        ...
