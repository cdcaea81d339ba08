"""Embeddings from any server that speaks OpenAI's `/v1/embeddings`: OpenAI, Ollama, vLLM, a company's gateway."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from opsagent.adapters.outbound import OutboundClient, OutboundResponse
from opsagent.errors import ConfigurationError, UnavailableError
from opsagent.ports.embedder import Vector

_BATCH = 64  # texts a request; OpenAI takes up to 2048, small servers choke on many
_MAX_CHARS = 6000  # under the 8191 tokens OpenAI's models take, in any alphabet but the rarest
_REFUSED = frozenset({400, 401, 403, 404, 405, 413, 415, 422})  # asking again will not help


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAiEmbedderConfig:
    """`url` ends before `/embeddings`; `key` may be empty where the server wants none. Times are seconds."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: float = 30.0


class OpenAiEmbedder:
    """An `Embedder` over HTTP. It sends what it is given: titles, names, summaries, texts of runbooks, and queries."""

    def __init__(self, config: OpenAiEmbedderConfig, client: OutboundClient) -> None:
        self._config = config
        self._client = client
        self._where = urlsplit(config.url).netloc.rpartition("@")[2]

    async def identity(self) -> str:
        """The model and who serves it: two servers may call different models by one name."""
        return f"openai:{self._config.model}@{self._where}"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector for each text. UnavailableError, ConfigurationError."""
        found: list[Vector] = []
        for start in range(0, len(texts), _BATCH):
            found += await self._asked(texts[start : start + _BATCH])
        return found

    async def _asked(self, texts: Sequence[str]) -> Sequence[Vector]:
        # An empty text is refused by OpenAI; a lone surrogate cannot be sent.
        cut = [text[:_MAX_CHARS].encode("utf-8", "replace").decode() or " " for text in texts]
        headers = {"content-type": "application/json"}
        if self._config.key:
            headers["authorization"] = f"Bearer {self._config.key}"
        response = await self._client.request(
            "POST",
            f"{self._config.url.rstrip('/')}/embeddings",
            headers=headers,
            content=orjson.dumps({"model": self._config.model, "input": cut, "encoding_format": "float"}),
            redirects=0,
            total_timeout_s=self._config.timeout_s,
        )
        self._check(response)
        vectors = _vectors(response.body, len(texts))
        if vectors is None:
            raise UnavailableError(
                f"{self._where} did not answer with {len(texts)} embeddings.",
                fix="Check that embedder_url ends before /embeddings and that the model makes embeddings.",
            )
        return vectors

    def _check(self, response: OutboundResponse) -> None:
        if response.status == 200:
            return
        said = f"{self._where} answered {response.status} to a request for embeddings by {self._config.model}."
        if response.status in _REFUSED:
            raise ConfigurationError(said, fix="Check embedder_url, the model's name and the key.")
        raise UnavailableError(said, fix="Look at that server; it is asked again by itself.")


def _vectors(body: bytes, count: int) -> Sequence[Vector] | None:
    """The vectors by their index, brought to length 1; None where something is missing, or no number."""
    try:
        rows = sorted(orjson.loads(body)["data"], key=lambda row: row["index"])
        raw = [[float(number) for number in row["embedding"]] for row in rows]
        places = [row["index"] for row in rows]
    except (ValueError, TypeError, KeyError):
        return None
    if places != list(range(count)) or len({len(vector) for vector in raw}) != 1:
        return None
    lengths = [math.sqrt(math.fsum(number * number for number in vector)) for vector in raw]
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return None
    return [[number / length for number in vector] for vector, length in zip(raw, lengths, strict=True)]
