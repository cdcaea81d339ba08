"""Says "look now". A hint may be lost or repeated: the store is the truth and workers sweep it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from opsagent.domain.event import RunEvent


class Dispatch(Protocol):
    """Wakes workers."""

    def hint(self, tenant: str, run_id: str) -> None:
        """This run is due."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Return when there was a hint since the last call, or after the time-out."""
        ...


class Live(Protocol):
    """Pushes what happens to whoever watches; best effort, the store is the truth."""

    def publish(self, event: RunEvent) -> None:
        """Tell the watchers of the event's run, and those of its tenant."""
        ...

    def changed(self, tenant: str, run_id: str) -> None:
        """Tell watchers that the run, one of its steps or approvals has changed."""
        ...

    def watched(self, tenant: str, run_id: str) -> bool:
        """Whether anybody watches that run, or its tenant, at this moment."""
        ...

    def watch(self, tenant: str, run_id: str = "") -> AsyncIterator[RunEvent | None]:
        """Events of one run (or of the tenant); None says "something changed, look again". Ends when closed.

        An event whose sequence is 0 is not stored: a model's words so far, while it writes them.
        """
        ...
