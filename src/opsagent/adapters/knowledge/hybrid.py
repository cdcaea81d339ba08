"""The runbook index with vectors beside its keywords; whatever becomes of the vectors, keywords go on.

Vectors are made in the background: a search waits for them a moment after a change, and never for an embedder that just
failed. A vector names what it was made of, so only changed runbooks are embedded anew, and what is found counts only if
the store still has it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.fusion import calibrated, fuse
from opsagent.adapters.knowledge.passages import passages, runbook_of
from opsagent.adapters.knowledge.words import MAX_QUERY_CHARS
from opsagent.domain.runbook import Runbook
from opsagent.errors import OpsAgentError
from opsagent.ports.clock import Clock
from opsagent.ports.embedder import Embedder, Vector
from opsagent.ports.index import Found
from opsagent.ports.redact import Redactor
from opsagent.ports.vectors import Shelf, VectorStore

NEAREST = 25  # as many as keywords list
PASSAGES = 100  # so many that what keywords list has its cosine too, all but always
_QUERIES = 512  # query vectors kept
_BATCH = 8  # passages embedded and stored at once, so that what was paid for is kept
_PROBE = "disk full"


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridConfig:
    """Times are seconds: how long one search waits for vectors, and how long a failed embedder is left alone."""

    patience_s: float = 3.0
    pause_s: float = 30.0


@dataclass(slots=True)
class _Tenant:
    """What a tenant's shelf should hold, and the work that makes it so."""

    revision: int
    texts: Mapping[str, str]
    filling: asyncio.Task[None] | None = None
    filled: bool = False


@dataclass(slots=True)
class _Trouble:
    """Why vectors are not used at present, and until when none are asked for (seconds, monotonic)."""

    words: str = ""
    until: float = 0.0


class HybridIndex:
    """A `RunbookIndex`: `words` finds by keywords, `embedder` and `vectors` add what means the same.

    What is embedded goes through `redact` first, since an embedder may be a service elsewhere.
    """

    def __init__(
        self,
        words: Fts5Index,
        embedder: Embedder,
        vectors: VectorStore,
        *,
        redact: Redactor,
        clock: Clock,
        config: HybridConfig | None = None,
    ) -> None:
        self._words = words
        self._embedder = embedder
        self._vectors = vectors
        self._redact = redact
        self._clock = clock
        self._config = config or HybridConfig()
        self._tenants: dict[str, _Tenant] = {}
        self._queries: OrderedDict[tuple[str, str], Vector] = OrderedDict()
        self._trouble = _Trouble()

    async def refresh(self, tenant: str, revision: int, runbooks: Sequence[Runbook]) -> None:
        """Hold exactly these runbooks; waits for their vectors a moment, not longer. StoreUnavailable."""
        await self._words.refresh(tenant, revision, runbooks)
        known = self._tenants.get(tenant)
        if known is None or known.revision != revision:
            if known is not None and known.filling is not None:
                known.filling.cancel()
            texts = {key: text for one in runbooks for key, text in passages(one).items()}
            known = self._tenants[tenant] = _Tenant(revision, texts)
        if known.filled or known.filling is not None or self._paused():
            return
        known.filling = asyncio.create_task(self._fill(tenant, known))
        await asyncio.wait([known.filling], timeout=self._config.patience_s)

    async def search(self, tenant: str, query: str, *, limit: int = 5) -> Found:
        """The best runbooks: an exact name first, then by words and meaning together; by words alone in trouble."""
        found = await self._words.search(tenant, query, limit=max(limit, NEAREST))
        known = self._tenants.get(tenant)
        wanted = self._redact(query[:MAX_QUERY_CHARS]).strip()
        by_words = replace(found, hits=found.hits[: max(0, limit)])
        # Half a shelf would favour what is on it, so a shelf counts once it is full.
        if not wanted or known is None or not known.filled or self._paused() or any(hit.exact for hit in found.hits):
            return by_words
        try:
            async with asyncio.timeout(self._config.patience_s):
                identity = await self._embedder.identity()
                near = await self._near(tenant, known, identity, wanted)
        except (OpsAgentError, TimeoutError) as wrong:
            self._failed(wrong)
            return by_words
        self._trouble = _Trouble()
        if not near:
            known.filled = known.texts == {}  # the shelf is gone, or the model is another: it is filled anew
            return by_words
        return fuse(found, near, calibrated(identity), limit=limit)

    def trouble(self) -> str:
        """Why vectors are not used at present; empty when they are, or nothing has been asked yet."""
        return self._trouble.words

    async def check(self) -> str:
        """Who embeds, once it has really embedded something and the store has answered. OpsAgentError."""
        identity = await self._embedder.identity()
        vector = (await self._embedder.embed([_PROBE]))[0]
        await self._vectors.held(Shelf(tenant="", embedder=identity, length=len(vector)))
        return f"{identity}, {len(vector)} numbers a vector"

    async def settled(self) -> None:
        """Wait until no vectors are being made."""
        running = [one.filling for one in self._tenants.values() if one.filling is not None]
        if running:
            await asyncio.wait(running)

    async def close(self) -> None:
        """Stop making vectors, and let go of everything."""
        running = [one.filling for one in self._tenants.values() if one.filling is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._vectors.close()
        await self._words.close()

    async def _fill(self, tenant: str, known: _Tenant) -> None:
        try:
            identity = await self._embedder.identity()
            length = len((await self._embedder.embed([_PROBE]))[0])
            shelf = Shelf(tenant=tenant, embedder=identity, length=length)
            held = await self._vectors.held(shelf)
            wanted = [key for key in known.texts if key not in held]
            for start in range(0, len(wanted), _BATCH):
                keys = wanted[start : start + _BATCH]
                made = await self._embedder.embed([self._redact(known.texts[key]) for key in keys])
                await self._vectors.put(shelf, dict(zip(keys, made, strict=True)))
            await self._vectors.forget(shelf, held - known.texts.keys())
        except OpsAgentError as wrong:
            self._failed(wrong)
        else:
            known.filled = True
            self._trouble = _Trouble()
        finally:
            known.filling = None

    async def _near(self, tenant: str, known: _Tenant, identity: str, query: str) -> Mapping[str, float]:
        """Runbook id -> cosine of its nearest passage, of those the tenant has now."""
        vector = self._queries.get((identity, query))
        if vector is None:
            vector = (await self._embedder.embed([query]))[0]
            self._queries[identity, query] = vector
            if len(self._queries) > _QUERIES:
                self._queries.popitem(last=False)
        shelf = Shelf(tenant=tenant, embedder=identity, length=len(vector))
        found: dict[str, float] = {}
        for near in await self._vectors.nearest(shelf, vector, limit=PASSAGES):
            if near.key in known.texts:
                found.setdefault(runbook_of(near.key), near.cosine)
        return found

    def _paused(self) -> bool:
        return self._clock.monotonic() < self._trouble.until

    def _failed(self, wrong: OpsAgentError | TimeoutError) -> None:
        if isinstance(wrong, OpsAgentError):
            message, fix = wrong.message, wrong.fix
        else:
            message, fix = f"The embedder took over {self._config.patience_s:g} s.", "Look at its load."
        words = f"{message} Keywords alone find runbooks meanwhile. To mend: {fix}"
        self._trouble = _Trouble(words, self._clock.monotonic() + self._config.pause_s)
