"""Asks whoever can see a target's files for their hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opsagent.domain.connection import Connection
from opsagent.ports.files import FileHashes

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class HashesByExecutor:
    """Fulfils `ports.files.FileHashes` for every target, by its executor."""

    kinds: Mapping[str, FileHashes]

    async def __call__(
        self, paths: Sequence[str], connection: Connection, *, run_id: str = "", cwd: str = ""
    ) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256) of each, sorted; a target without files has none of them."""
        kind = self.kinds.get(connection.executor)
        if kind is None:
            return tuple((path, ABSENT) for path in sorted(set(paths)))
        return await kind(paths, connection, run_id=run_id, cwd=cwd)
