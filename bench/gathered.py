"""What keywords and what vectors say to each query, gathered once, so that weights and thresholds can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.fetched import cache
from opsagent.adapters.clock import SystemClock
from opsagent.adapters.embedders.onnx import OnnxEmbedder
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.hybrid import NEAREST, PASSAGES, HybridConfig, HybridIndex
from opsagent.adapters.knowledge.passages import runbook_of
from opsagent.adapters.vectors.chroma import ChromaVectors
from opsagent.domain.runbook import Runbook
from opsagent.ports.embedder import Embedder
from opsagent.ports.index import Found
from opsagent.ports.vectors import Shelf

TENANT = "bench"


@dataclass(frozen=True, slots=True)
class Both:
    """One query: the id of its runbook (empty where there is none), and what the two searches found."""

    expected: str
    words: Found
    near: Mapping[str, float]


class Collection:
    """Runbooks indexed both ways. The vectors stay in the cache: a second run embeds only the queries."""

    def __init__(self, name: str, embedder: Embedder | None) -> None:
        self.words = Fts5Index(None)
        self.vectors = ChromaVectors(cache() / f"vectors-{name}")
        self.embedder = embedder
        self.index: HybridIndex | None = None
        if embedder is not None:
            clock, config = SystemClock(), HybridConfig(patience_s=60.0)
            self.index = HybridIndex(self.words, embedder, self.vectors, redact=str, clock=clock, config=config)

    async def hold(self, runbooks: Sequence[Runbook]) -> None:
        """Index them, and wait for the vectors."""
        await self.words.refresh(TENANT, 1, runbooks)
        if self.index is not None:
            await self.index.refresh(TENANT, 1, runbooks)
            await self.index.settled()
            assert not self.index.trouble(), self.index.trouble()

    async def both(self, expected: str, query: str) -> Both:
        """What each search says by itself, just as the hybrid index joins it."""
        words = await self.words.search(TENANT, query, limit=NEAREST)
        near: dict[str, float] = {}
        if self.embedder is not None:
            (vector,) = await self.embedder.embed([query])
            shelf = Shelf(tenant=TENANT, embedder=await self.embedder.identity(), length=len(vector))
            for one in await self.vectors.nearest(shelf, vector, limit=PASSAGES):
                near.setdefault(runbook_of(one.key), one.cosine)
        return Both(expected, words, near)

    async def close(self) -> None:
        """Let go of the files."""
        await self.vectors.close()
        await self.words.close()


def local_embedder() -> OnnxEmbedder | None:
    """The bench's model; None where it cannot be had."""
    from bench.minilm import folder

    made = folder()
    return OnnxEmbedder(made, threads=2) if made else None
