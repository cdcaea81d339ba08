"""Keeps secrets out of everything that is written down."""

from __future__ import annotations

from typing import Protocol


class Redactor(Protocol):
    """Replaces known secret values and shapes (keys, tokens, passwords in addresses) by a marker."""

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        ...
