"""Keeps the heads of the audit record in an append-only file of JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from opsagent.errors import UnavailableError

FILE_NAME = "heads.jsonl"


class HeadFile:
    """Fulfils `ports.heads.HeadKeeper`. A line that a crash cut short is passed over; nothing is ever rewritten."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    async def keep(self, heads: Mapping[str, str], at: float) -> None:
        """One line for each tenant, on the disk when it returns. UnavailableError."""
        lines = [json.dumps({"tenant": tenant, "head": head, "at": at}) for tenant, head in sorted(heads.items())]
        await asyncio.to_thread(self._append, "".join(f"\n{line}\n" for line in lines).encode())

    async def kept(self, tenant: str) -> Sequence[str]:
        """Every head of the tenant, in order. UnavailableError."""
        return await asyncio.to_thread(self._read, tenant)

    def _append(self, lines: bytes) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.write(handle, lines) != len(lines):
                    raise OSError("the disk took a part of it")
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise UnavailableError(
                f"The heads of the audit record cannot be kept in {self._path}: {error.strerror or error}.",
                fix="Make room, or let the server write there; or name another folder in OPSAGENT_AUDIT_HEADS_DIR.",
            ) from error

    def _read(self, tenant: str) -> list[str]:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnavailableError(
                f"The kept heads cannot be read from {self._path}: {error.strerror or error}.",
                fix="Run this as a user who may read them.",
            ) from error
        return [head for line in lines if (head := _head_of(line, tenant))]


def _head_of(line: str, tenant: str) -> str:
    try:
        found = json.loads(line)
    except ValueError:
        return ""  # empty, or cut short by a crash
    wanted = isinstance(found, dict) and found.get("tenant") == tenant
    return str(found.get("head", "")) if wanted else ""
