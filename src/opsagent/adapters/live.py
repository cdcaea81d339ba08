"""Pushes what happens to whoever watches; one that is slow loses events and is told to look again."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque

from opsagent.domain.event import RunEvent

QUEUE_EVENTS = 256


class Watcher:
    """What one watcher has not read yet. Iterating waits; None says "something changed, look again"."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[RunEvent | None] = deque()
        self._some = asyncio.Event()
        self._closed = False

    def put(self, event: RunEvent | None) -> None:
        """Add it; never waits. Two "look again" in a row are one; on overflow all that waits becomes one."""
        if self._closed or (event is None and self._waiting and self._waiting[-1] is None):
            return
        if len(self._waiting) >= self._limit:
            self._waiting.clear()
            event = None
        self._waiting.append(event)
        self._some.set()

    def close(self) -> None:
        """End the iteration after what is waiting."""
        self._closed = True
        self._some.set()

    async def aclose(self) -> None:
        """Stop watching at once."""
        self._waiting.clear()
        self.close()

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> RunEvent | None:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._some.clear()
            await self._some.wait()
        return self._waiting.popleft()


class LiveHub:
    """Fulfils `ports.dispatch.Live`. To be called from the event loop's thread only.

    It holds watchers weakly: one that nobody iterates any more is gone by itself.
    """

    def __init__(self, *, queue_events: int = QUEUE_EVENTS) -> None:
        self._queue_events = queue_events
        self._watchers: dict[tuple[str, str], weakref.WeakSet[Watcher]] = {}
        self._closed = False

    def publish(self, event: RunEvent) -> None:
        """Tell the watchers of the event's run, and those of its tenant."""
        self._tell(event.tenant, event.run_id, event)

    def changed(self, tenant: str, run_id: str) -> None:
        """Tell them that the run, one of its steps or approvals has changed."""
        self._tell(tenant, run_id, None)

    def anything(self) -> None:
        """Tell those who watch all of a tenant, whichever it is, that something may have changed."""
        for (_, run_id), watchers in self._watchers.items():
            if not run_id:
                for watcher in list(watchers):
                    watcher.put(None)

    def watch(self, tenant: str, run_id: str = "") -> Watcher:
        """Events of one run, or of the whole tenant, from this call on. Ends when closed."""
        watcher = Watcher(self._queue_events)
        if self._closed:
            watcher.close()
        for key in [key for key, watchers in self._watchers.items() if not watchers]:
            del self._watchers[key]
        self._watchers.setdefault((tenant, run_id), weakref.WeakSet()).add(watcher)
        return watcher

    def watched(self, tenant: str, run_id: str) -> bool:
        """Whether anybody watches that run, or all of its tenant."""
        return any(self._watchers.get(key) for key in ((tenant, run_id), (tenant, "")))

    def watching(self) -> int:
        """How many watch at the moment."""
        return sum(len(watchers) for watchers in self._watchers.values())

    def close(self) -> None:
        """End every watcher; the server stops."""
        self._closed = True
        for watchers in self._watchers.values():
            for watcher in list(watchers):
                watcher.close()

    def _tell(self, tenant: str, run_id: str, event: RunEvent | None) -> None:
        for key in {(tenant, run_id), (tenant, "")}:
            for watcher in list(self._watchers.get(key, ())):
                watcher.put(event)
