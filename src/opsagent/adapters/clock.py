"""The system's time and randomness, behind ports/clock.py."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
import uuid
from collections import deque

_DRAWN_AT_ONCE = 256


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Epoch seconds, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


class SystemIds:
    """Randomness from the operating system.

    Ids are drawn from it many at a time: one call costs as much as a hundred ids do. Each object has its own, so a
    process that forks must make its own.
    """

    def __init__(self) -> None:
        self._drawn: deque[bytes] = deque()

    def uuid(self) -> str:
        """A new UUID version 4, as text."""
        try:
            raw = self._drawn.popleft()
        except IndexError:
            fresh = os.urandom(16 * _DRAWN_AT_ONCE)
            raw = fresh[:16]
            self._drawn.extend(fresh[place : place + 16] for place in range(16, len(fresh), 16))
        return str(uuid.UUID(bytes=raw, version=4))

    def secret(self) -> str:
        """A new URL-safe secret of 256 bits."""
        return secrets.token_urlsafe(32)

    def jitter(self) -> float:
        """A number in [0, 1)."""
        return secrets.randbelow(1 << 53) / (1 << 53)
