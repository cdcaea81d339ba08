"""Hashes of the files a local command would execute."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opsagent.adapters.executors.local.folders import Folders
from opsagent.domain.connection import Connection

ABSENT = "absent"
_LARGEST = 64 * 1024 * 1024  # bytes; what is larger is no script, and nobody waits for its hash


@dataclass(frozen=True, slots=True)
class LocalFileHashes:
    """Fulfils `ports.files.FileHashes` for this machine, whose runs have their folders below `sandbox_root`."""

    sandbox_root: Path

    async def __call__(
        self,
        paths: Sequence[str],
        connection: Connection,  # noqa: ARG002 - the port's; every local connection has the same files
        *,
        run_id: str = "",
        cwd: str = "",
    ) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256) of each, sorted; without a run (a rehearsal) there is no folder yet for relative ones."""
        base = Folders(self.sandbox_root).path(run_id) / cwd if run_id else Path(cwd)
        return await asyncio.to_thread(_hashes, tuple(paths), base)


def _hashes(paths: tuple[str, ...], base: Path) -> tuple[tuple[str, str], ...]:
    found = {path: base / path for path in paths}
    return tuple(sorted((path, _hash(where) if where.is_absolute() else ABSENT) for path, where in found.items()))


def _hash(path: Path) -> str:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return ABSENT
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ABSENT
