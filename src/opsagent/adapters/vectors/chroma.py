"""Vectors in Chroma, embedded in this process, in a folder of its own: for one process.

Each shelf is a collection, so that a tenant's vectors never stand beside another's and no two embedders are compared.
Chroma is given finished vectors and never an embedding function: its own would download a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from opsagent.adapters.vectors.collection import AT_ONCE, GRAPH, about, name
from opsagent.errors import ConfigurationError, UnavailableError
from opsagent.ports.embedder import Vector
from opsagent.ports.vectors import Near, Shelf

T = TypeVar("T")
Client = Any  # Chroma's types say neither that a client can be closed nor that lists are vectors
Chroma = Any


def installed() -> bool:
    """Whether Chroma can be imported here."""
    return importlib.util.find_spec("chromadb") is not None


class ChromaVectors:
    """A `VectorStore` in `folder`. Opened at its first use, in a thread; after a failure it is opened anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client: Client | None = None
        self._lock = asyncio.Lock()

    async def held(self, shelf: Shelf) -> frozenset[str]:
        """The keys on the shelf. UnavailableError."""
        return await self._with(shelf, lambda found: frozenset(found.get(include=[])["ids"]), frozenset())

    async def put(self, shelf: Shelf, vectors: Mapping[str, Vector]) -> None:
        """Keep these. UnavailableError."""
        keys = list(vectors)

        def work(client: Client) -> None:
            found = client.get_or_create_collection(
                name(shelf), configuration=GRAPH, metadata=about(shelf), embedding_function=None
            )
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                found.upsert(ids=some, embeddings=[list(vectors[key]) for key in some])

        if keys:
            await self._run(work)

    async def forget(self, shelf: Shelf, keys: Collection[str]) -> None:
        """Drop these. UnavailableError."""
        gone = list(keys)

        def work(found: Chroma) -> None:
            for start in range(0, len(gone), AT_ONCE):
                found.delete(ids=gone[start : start + AT_ONCE])

        if gone:
            await self._with(shelf, work, None)

    async def nearest(self, shelf: Shelf, vector: Vector, *, limit: int) -> Sequence[Near]:
        """The most alike, best first. UnavailableError."""

        def work(found: Chroma) -> Sequence[Near]:
            count = min(limit, found.count())
            if count < 1:
                return ()
            rows = found.query(query_embeddings=[list(vector)], n_results=count, include=["distances"])
            pairs = zip(rows["ids"][0], rows["distances"][0], strict=True)
            return [Near(key=key, cosine=1.0 - far) for key, far in pairs]

        return await self._with(shelf, work, ())

    async def close(self) -> None:
        """Let go of the files."""
        async with self._lock:
            client, self._client = self._client, None
            if client is not None:
                await asyncio.to_thread(client.close)

    async def _with(self, shelf: Shelf, work: Callable[[Chroma], T], otherwise: T) -> T:
        """Work on the shelf's collection; `otherwise` where there is none."""

        def found(client: Client) -> T:
            from chromadb.errors import NotFoundError

            try:
                return work(client.get_collection(name(shelf), embedding_function=None))
            except NotFoundError:
                return otherwise

        return await self._run(found)

    async def _run(self, work: Callable[[Client], T]) -> T:
        async with self._lock:
            try:
                if self._client is None:
                    self._client = await asyncio.to_thread(_open, self._folder)
                return await asyncio.to_thread(work, self._client)
            except ConfigurationError:
                raise
            except Exception as wrong:  # its Rust core and its SQLite each raise their own
                broken, self._client = self._client, None
                if broken is not None:
                    with contextlib.suppress(Exception):
                        broken.close()
                reason = (str(wrong).splitlines() or [""])[0][:200].rstrip(".") or type(wrong).__name__
                fix = f"Stop the server, remove {self._folder} and start again: it is built anew from the runbooks."
                raise UnavailableError(f"Chroma in {self._folder} cannot be used: {reason}.", fix=fix) from wrong


def _open(folder: Path) -> Client:
    if not installed():
        raise ConfigurationError("Chroma is not installed.", fix="Install it: pip install 'opsagent[chroma]'")
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
