"""Hashes of the files a local command would execute."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

from opsagent.domain.connection import Connection

ABSENT = "absent"
_LARGEST = 64 * 1024 * 1024  # bytes; what is larger is no script, and nobody waits for its hash


class LocalFileHashes:
    """Fulfils `ports.files.FileHashes` for this machine."""

    async def __call__(
        self,
        paths: Sequence[str],
        connection: Connection,  # noqa: ARG002 - the port's; every local connection has the same files
    ) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256) of each, sorted."""
        return await asyncio.to_thread(_hashes, tuple(paths))


def _hashes(paths: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((path, _hash(Path(path))) for path in set(paths)))


def _hash(path: Path) -> str:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return ABSENT
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ABSENT
