"""Bytes kept by hash: full outputs, saved files, reports."""

from __future__ import annotations

from typing import Protocol


class ArtifactStore(Protocol):
    """Content-addressed, per tenant. With an encryption key it can also keep what must not lie there in clear."""

    async def put(self, tenant: str, content: bytes, *, encrypt: bool = False) -> str:
        """Keep it; returns its id, the SHA-256 (hex) of the content. ConfigurationError if asked to encrypt keyless."""
        ...

    async def get(self, tenant: str, artifact_id: str) -> bytes:
        """The content, checked against its hash. NotFound."""
        ...

    async def expire(self, older_than: float) -> int:
        """Delete what was last put before that time (epoch seconds); returns how many. StoreUnavailable."""
        ...
