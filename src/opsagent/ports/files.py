"""Knows what is in the files a command would execute, so that an approval binds their content too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.connection import Connection


class FileHashes(Protocol):
    """Hashes files where the command would run."""

    async def __call__(
        self, paths: Sequence[str], connection: Connection, *, run_id: str = "", cwd: str = ""
    ) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256 hex) for each path, sorted; a file that cannot be read has the hash `absent`.

        Relative paths start where the command of that run would: `cwd` in the run's folder, or in the account's home.
        """
        ...
