"""Keeps vectors under keys, shelf by shelf, and finds the nearest of one shelf."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from opsagent.ports.embedder import Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The vectors of one tenant made by one embedder of one length: what may be compared."""

    tenant: str
    embedder: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A key and how alike its vector is: the cosine, from -1 to 1."""

    key: str
    cosine: float


class VectorStore(Protocol):
    """A cache: all in it can be made again. UnavailableError: it cannot be used now."""

    async def held(self, shelf: Shelf) -> frozenset[str]:
        """The keys on the shelf; none where there is no such shelf."""
        ...

    async def put(self, shelf: Shelf, vectors: Mapping[str, Vector]) -> None:
        """Keep these, in place of what their keys held. The first makes the shelf."""
        ...

    async def forget(self, shelf: Shelf, keys: Collection[str]) -> None:
        """Drop these; keys that are not there do not matter."""
        ...

    async def nearest(self, shelf: Shelf, vector: Vector, *, limit: int) -> Sequence[Near]:
        """The most alike of the shelf, best first; none where there is no such shelf."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
