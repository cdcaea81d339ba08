"""An engine that says when something was written, so that whoever watches need not ask again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opsagent.adapters.stores.engine import Engine, T, Work

# What is written although nothing happens: signs of life, leases, who was seen, and what the sweepers take to look at.
UNTOLD = frozenset(
    {
        "heartbeats.beat",
        "housekeeping.check",
        "housekeeping.forget",
        "notices.take",
        "runs.renew",
        "schedules.take",
        "sessions.seen",
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """Fulfils Engine over another; `tell` is called in the event loop, after what was written is safe."""

    engine: Engine
    tell: Callable[[], None]

    async def open(self) -> None:
        """As the engine does."""
        await self.engine.open()

    async def write(self, name: str, work: Work[T]) -> T:
        """As the engine does, and then it is told."""
        written = await self.engine.write(name, work)
        if name not in UNTOLD:
            self.tell()
        return written

    async def read(self, work: Work[T]) -> T:
        """As the engine does."""
        return await self.engine.read(work)

    async def close(self) -> None:
        """As the engine does."""
        await self.engine.close()
