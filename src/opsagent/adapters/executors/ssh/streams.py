"""Takes what a host sends, within limits, however much that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncssh

_PIECE = 64 * 1024


@dataclass(slots=True)
class Taken:
    """The first `most` bytes, the last `end` of the rest, and how many there were."""

    most: int
    end: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    total: int = 0

    def add(self, data: bytes) -> None:
        """Take in one more piece."""
        self.total += len(data)
        room = self.most - len(self.head)
        self.head += data[:room] if room > 0 else b""
        self.tail += data[max(room, 0) :]
        del self.tail[: -self.end]

    @property
    def left_out(self) -> int:
        """How many bytes are in neither."""
        return self.total - len(self.head) - len(self.tail)


async def take(reader: asyncssh.SSHReader[bytes], into: Taken) -> None:
    """Read to the end; what does not fit is let go, so that nobody at the other end waits."""
    while data := await reader.read(_PIECE):
        into.add(data)
