"""Where runbooks are imported from."""

from __future__ import annotations

from typing import Protocol

from opsagent.domain.library import Offer


class RunbookSource(Protocol):
    """Reads Markdown from places that were allowed before; nothing of what is read is executed."""

    async def read(self, place: str) -> Offer:
        """Every Markdown file there. NotFound (not allowed, or gone: the two are not told apart), TooLarge."""
        ...
