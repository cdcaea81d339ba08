"""A clock and ids that a test holds in its hand."""

from __future__ import annotations

import asyncio
import random
import threading
import uuid


class ManualClock:
    """Stands still until `move`; sleepers wake when they have been moved past. Safe to read from other threads."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._start = now
        self._now = now
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        return self.now() - self._start

    async def sleep(self, seconds: float) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now() + seconds, waiting))
        await waiting

    def sleeping(self) -> float:
        """When the first of the sleepers wants to wake; 0 when nobody sleeps."""
        return min((at for at, waiting in self._sleepers if not waiting.done()), default=0.0)

    def move(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
        for sleeper in [one for one in self._sleepers if one[0] <= self.now()]:
            self._sleepers.remove(sleeper)
            if not sleeper[1].done():
                sleeper[1].set_result(None)


class SeededIds:
    """The same ids in every run of a test."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def secret(self) -> str:
        return f"{self._random.getrandbits(256):064x}"

    def jitter(self) -> float:
        return self._random.random()
