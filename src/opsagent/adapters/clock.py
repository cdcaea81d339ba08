"""The system's time and randomness, behind ports/clock.py."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid


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
    """Randomness from the operating system."""

    def uuid(self) -> str:
        """A new UUID version 4, as text."""
        return str(uuid.uuid4())

    def secret(self) -> str:
        """A new URL-safe secret of 256 bits."""
        return secrets.token_urlsafe(32)

    def jitter(self) -> float:
        """A number in [0, 1)."""
        return secrets.randbelow(1 << 53) / (1 << 53)
