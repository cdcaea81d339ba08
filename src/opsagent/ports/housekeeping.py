"""Opening, closing and cleaning a store. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Housekeeping(Protocol):
    """Opening, closing and cleaning a store."""

    async def open(self) -> None:
        """Make it usable: migrations under a lock, built-in rows. StoreUnavailable, FolderInUse."""
        ...

    async def expire(self) -> Sequence[str]:
        """Delete ended runs past their ttl with their steps, events and approvals; returns the ids of the runs.

        Escalations that ended 30 days ago go too, but for those whose ticket is open: they say who looks at it.
        So do conversations nobody has added to for 30 days.
        """
        ...

    async def check(self) -> str:
        """Empty when it can write, else what is wrong in words."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go."""
        ...
