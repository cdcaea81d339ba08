"""How a shelf is kept in Chroma, embedded or served: one collection, its name, what is noted with it, its graph."""

from __future__ import annotations

import hashlib

from opsagent.ports.vectors import Shelf

AT_ONCE = 500  # rows a request; Chroma takes some 5000, and 500 vectors of 3072 numbers are 30 MB of JSON
# Wider than Chroma's own 100, so that some thousand vectors are searched all but exactly.
GRAPH = {"hnsw": {"space": "cosine", "ef_construction": 200, "ef_search": 200}}
_SHOWN_CHARS = 200


def name(shelf: Shelf) -> str:
    """A name Chroma takes, whatever the tenant is called."""
    whole = "\0".join((shelf.tenant, shelf.embedder, str(shelf.length)))
    return f"opsagent-{hashlib.sha256(whole.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


def about(shelf: Shelf) -> dict[str, str | int]:
    """For the person who looks into Chroma."""
    tenant = shelf.tenant.encode("utf-8", "replace").decode()[:_SHOWN_CHARS]
    return {"tenant": tenant, "embedder": shelf.embedder[:_SHOWN_CHARS], "length": shelf.length}
