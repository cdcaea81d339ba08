"""Vectors in a Chroma server that several processes share, over its HTTP API of version 2.

Chroma's own client waits for ever and takes threads with it, so its few requests are made by the house's client.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.vectors.collection import AT_ONCE, GRAPH, about, name
from opsagent.errors import ConfigurationError, NotFound, UnavailableError
from opsagent.ports.embedder import Vector
from opsagent.ports.vectors import Near, Shelf

_DATABASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_FIX = "Check that chroma_url is a Chroma server (1.x) and takes chroma_token."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaServerConfig:
    """Where it is, and the token it wants, if any. Times are seconds."""

    url: str
    token: str = field(default="", repr=False)
    timeout_s: float = 30.0


class ChromaServerVectors:
    """A `VectorStore` at `config.url`."""

    def __init__(self, config: ChromaServerConfig, client: OutboundClient) -> None:
        self._config = config
        self._client = client

    async def held(self, shelf: Shelf) -> frozenset[str]:
        """The keys on the shelf. UnavailableError, ConfigurationError."""
        where = await self._found(shelf)
        return frozenset(await self._keys(where)) if where else frozenset()

    async def put(self, shelf: Shelf, vectors: Mapping[str, Vector]) -> None:
        """Keep these. UnavailableError, ConfigurationError."""
        keys = list(vectors)
        if not keys:
            return
        wanted = {"name": name(shelf), "metadata": about(shelf), "configuration": GRAPH, "get_or_create": True}
        where = self._id(await self._asked("POST", "", wanted))
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            await self._asked("POST", f"/{where}/upsert", {"ids": some, "embeddings": [vectors[key] for key in some]})

    async def forget(self, shelf: Shelf, keys: Collection[str]) -> None:
        """Drop these. UnavailableError, ConfigurationError."""
        gone = list(keys)
        where = await self._found(shelf) if gone else ""
        for start in range(0, len(gone) if where else 0, AT_ONCE):
            await self._asked("POST", f"/{where}/delete", {"ids": gone[start : start + AT_ONCE]})

    async def nearest(self, shelf: Shelf, vector: Vector, *, limit: int) -> Sequence[Near]:
        """The most alike, best first. UnavailableError, ConfigurationError."""
        where = await self._found(shelf)
        if not where or limit < 1:
            return ()
        query = {"query_embeddings": [vector], "n_results": limit, "include": ["distances"]}
        rows = await self._asked("POST", f"/{where}/query", query)
        try:
            pairs = zip(rows["ids"][0], rows["distances"][0], strict=True)
            return [Near(key=str(key), cosine=1.0 - float(far)) for key, far in pairs]
        except (KeyError, IndexError, TypeError, ValueError) as wrong:
            raise self._strange() from wrong

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _found(self, shelf: Shelf) -> str:
        """The id of the shelf's collection; empty where there is none."""
        try:
            return self._id(await self._asked("GET", f"/{name(shelf)}"))
        except NotFound:
            return ""

    def _id(self, answer: Mapping[str, Any]) -> str:
        """The collection's id, which becomes a part of addresses."""
        found = answer.get("id")
        if not isinstance(found, str) or not _ID.fullmatch(found):
            raise self._strange()
        return found

    async def _keys(self, where: str) -> Sequence[str]:
        found: list[str] = []
        while True:
            page = await self._asked("POST", f"/{where}/get", {"include": [], "limit": AT_ONCE, "offset": len(found)})
            some = page.get("ids")
            if not isinstance(some, list):
                raise self._strange()
            found += [str(one) for one in some]
            if len(some) < AT_ONCE:
                return found

    async def _asked(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """One request. NotFound: what the path names is not there."""
        headers = {"content-type": "application/json"}
        if self._config.token:
            headers["authorization"] = f"Bearer {self._config.token}"
        response = await self._client.request(
            method,
            f"{self._config.url.rstrip('/')}{_DATABASE}{path}",
            headers=headers,
            content=b"" if body is None else orjson.dumps(body),
            redirects=0,
            total_timeout_s=self._config.timeout_s,
        )
        said = f"Chroma at {self._config.url} answered {response.status}."
        if response.status == 404 and path:
            raise NotFound(said, fix=_FIX)
        if response.status >= 500:
            raise UnavailableError(said, fix="Look at its log; it is asked again by itself.")
        if response.status >= 300:
            raise ConfigurationError(said, fix=_FIX)
        try:
            answer = orjson.loads(response.body or b"{}")
        except ValueError as wrong:
            raise self._strange() from wrong
        if answer is not None and not isinstance(answer, dict):
            raise self._strange()
        return answer or {}

    def _strange(self) -> UnavailableError:
        return UnavailableError(f"Chroma at {self._config.url} gave an answer that is none of Chroma's.", fix=_FIX)
