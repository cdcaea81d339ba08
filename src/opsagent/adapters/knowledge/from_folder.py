"""Reads the Markdown of a folder, for an import: no symbolic link is followed, no file is executed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from opsagent.adapters.knowledge.markdown import MAX_BYTES
from opsagent.adapters.knowledge.offered import MAX_ORIGIN_CHARS, Budget, is_markdown, no_runbook, to_file
from opsagent.domain.library import Offer, SourceFile
from opsagent.errors import InputError, NotFound


class AllowedFolders:
    """A `RunbookSource` of the folders an administrator has named; any other is as if it were not there."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = {str(folder): folder for folder in folders}

    async def read(self, place: str) -> Offer:
        """Every Markdown file of that folder. NotFound, TooLarge, InputError."""
        folder = self._folders.get(place)
        if folder is None:
            known = ", ".join(self._folders) or "none"
            raise NotFound(
                f"The server imports from no folder {place[:200]}.",
                fix=f"An administrator names them in OPSAGENT_RUNBOOK_FOLDERS. Named now: {known}.",
            )
        return await asyncio.to_thread(read_folder, folder)


def read_folder(folder: Path) -> Offer:
    """Every Markdown file below a folder, or the file itself. NotFound, TooLarge, InputError (not readable)."""
    try:
        root = folder.resolve(strict=True)
    except (OSError, RuntimeError):
        raise NotFound(f"There is no folder {folder}.", fix="Check the path.") from None
    budget = Budget()
    if root.is_file():
        return _offer(root.parent, [_read(root, root.name, budget)], [])
    files: list[SourceFile] = []
    left_out: list[SourceFile] = []
    for path, name in _walk(root):
        if path.is_symlink():
            left_out.append(SourceFile(path=name, problem="a symbolic link is not followed"))
        elif why := no_runbook(name):
            left_out.append(SourceFile(path=name, problem=why))
        else:
            files.append(_read(path, name, budget))
    return _offer(root, files, left_out)


def _offer(root: Path, files: Sequence[SourceFile], left_out: Sequence[SourceFile]) -> Offer:
    return Offer(origin=str(root)[-MAX_ORIGIN_CHARS:], files=tuple(files), left_out=tuple(left_out))


def _walk(root: Path) -> list[tuple[Path, str]]:
    """Path and name below the root of everything called like Markdown, in the order of the names."""

    def stopped(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}.", fix="Mend its rights.")

    found: list[tuple[Path, str]] = []
    for place, folders, names in os.walk(root, onerror=stopped, followlinks=False):
        folders[:] = [one for one in folders if not one.startswith(".")]
        for name in names:
            path = Path(place) / name
            below = path.relative_to(root).as_posix()
            if is_markdown(below):
                found.append((path, below))
    return sorted(found, key=lambda one: one[1])


def _read(path: Path, name: str, budget: Budget) -> SourceFile:
    shown = name.encode("utf-8", "backslashreplace").decode()
    try:
        # Never blocks on a pipe or a device that is called like a page, and never follows a link put there meanwhile.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            raw = opened.read(MAX_BYTES + 1) if path.is_file() else b""
    except OSError as error:
        return SourceFile(path=shown, problem=f"it cannot be read: {error.strerror}", fix="Mend its rights.")
    budget.spend(len(raw))
    return to_file(shown, raw)
