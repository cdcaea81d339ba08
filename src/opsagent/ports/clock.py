"""Time and randomness, passed in so that a test can hold them."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The one source of time."""

    def now(self) -> float:
        """Epoch seconds, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long; a test's clock may return as soon as it was moved on."""
        ...


class Ids(Protocol):
    """The one source of randomness."""

    def uuid(self) -> str:
        """A new UUID version 4, as text."""
        ...

    def secret(self) -> str:
        """A new URL-safe secret of at least 256 bits."""
        ...

    def jitter(self) -> float:
        """A number in [0, 1)."""
        ...
