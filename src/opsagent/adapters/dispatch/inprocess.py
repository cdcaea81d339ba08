"""Wakes the workers of this process; nothing is kept, because the store is the truth."""

from __future__ import annotations

import asyncio

from opsagent.ports.clock import Clock


class InProcessDispatch:
    """Fulfils `ports.dispatch.Dispatch`. To be called from the event loop's thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hinted = asyncio.Event()

    def hint(self, tenant: str, run_id: str) -> None:  # noqa: ARG002 - the port's; here one hint wakes for all runs
        """A run is due."""
        self._hinted.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when there was a hint since the last call, or after `timeout_s` seconds."""
        waiting = {asyncio.ensure_future(self._hinted.wait()), asyncio.ensure_future(self._clock.sleep(timeout_s))}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        self._hinted.clear()
