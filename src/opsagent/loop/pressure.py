"""Storing what comes in goes before working on it: a storm is on disk first and looked at a moment later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HIGH = 8  # requests being stored at once; a calm system has one or two


@dataclass(slots=True)
class Pressure:
    """How many requests are being stored right now in this process."""

    taking_in: int = 0

    @property
    def high(self) -> bool:
        """Whether workers should leave the processor to intake for a moment."""
        return self.taking_in >= HIGH

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Around one request."""
        self.taking_in += 1
        try:
            yield
        finally:
            self.taking_in -= 1
