"""What commands ask for about notices and channels, of a server or of the store."""

from __future__ import annotations

from typing import Any, Protocol

Json = dict[str, Any]


class NoticesDoor(Protocol):
    """Answers in the JSON of the API."""

    async def notices(
        self, *, status: str = "", run_id: str = "", channel: str = "", limit: int = 50, cursor: str = ""
    ) -> Json:
        """`{notices, nextCursor}`, newest first."""
        ...

    async def notice(self, notice_id: str) -> Json:
        """One with what it says."""
        ...

    async def resend(self, notice_id: str) -> Json:
        """Send one again that was given up or delivered."""
        ...

    async def channels(self) -> Json:
        """`{channels}` by name."""
        ...

    async def test_channel(self, name: str, address: str) -> Json:
        """Send a test: `{notices}`."""
        ...

    async def push(self) -> None:
        """Send what is due from this process; a server needs no such push."""
        ...
