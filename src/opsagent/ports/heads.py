"""Where the heads of the audit record are kept, outside of the store: a record written anew disagrees with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class HeadKeeper(Protocol):
    """Append-only: what was kept stays as it is."""

    async def keep(self, heads: Mapping[str, str], at: float) -> None:
        """Keep each tenant's head (`N:HASH`) of that epoch second. UnavailableError: none of them may be relied on."""
        ...

    async def kept(self, tenant: str) -> Sequence[str]:
        """Every head of the tenant, in order. UnavailableError: it cannot be read."""
        ...
