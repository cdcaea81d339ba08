"""Turns texts into vectors whose angle tells how alike the texts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

Vector = Sequence[float]


class Embedder(Protocol):
    """An embedding model. Nothing calls it unless an administrator named one."""

    async def identity(self) -> str:
        """Which model it is: only vectors of one identity may be compared. ConfigurationError, UnavailableError."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector of length 1 for each text, in order. A text over the model's limit is cut, not refused.

        UnavailableError: it cannot be asked now. ConfigurationError: it cannot be asked like this at all.
        """
        ...
