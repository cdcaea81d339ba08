"""Reads what a path holds before a command changes it: every byte of a regular file, or the certainty of nothing.

A command of the same run may have laid links in its folder to lure the server, so the path is opened without effect
first (O_PATH), and what is judged is where that handle truly leads, not what the path says.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opsagent.adapters.executors.local.lacking import words_of
from opsagent.errors import ExecutionError
from opsagent.ports.executor import Kept

LARGEST_BYTES = 16 * 1024**2
_PROCESS = re.compile(r"/proc/\d+(/.*)?")  # of a process: what the server reads there is its own, not the command's


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a kept file may lie: `home` is the run's folder, `own` are the agent's; `boxed` allows `home` only."""

    home: Path
    own: Iterable[Path]
    boxed: bool

    def against(self, real: Path) -> str:
        """Why it may not be read there; empty where it may. The path holds no link."""
        above = (real, *real.parents)
        if self.home.resolve() in above:
            return ""
        if self.boxed:
            return "it lies outside the run's folder, and a sandbox command changes nothing there"
        for folder in self.own:
            if folder.resolve() in above:
                return f"it lies in OpsAgent's own folder {folder}"
        return "it belongs to a process" if _PROCESS.fullmatch(str(real)) else ""


def keep_file(path: str, base: Path, bounds: Bounds) -> Kept:
    """What the path holds; relative paths start at `base`. Blocking. Raises ExecutionError (see the port)."""
    folder, name = os.path.split(os.path.join(base, path))  # noqa: PTH118 - a slash at the end must stay
    with contextlib.ExitStack() as held, _refusing(path):
        if name in ("", ".", ".."):
            raise _cannot(path, "it names a folder")
        with _refusing(path, "its folder cannot be seen: "):
            above = _opened(held, folder, os.O_PATH | os.O_DIRECTORY)
        lies = _check(path, above, bounds) / name
        try:
            handle = _opened(held, name, os.O_PATH, dir_fd=above)
        except FileNotFoundError:
            if not _is_there(name, above):
                return Kept(content=None)
            raise _cannot(path, "it is a link that leads nowhere") from None
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _cannot(path, "it is no regular file")
        real = _check(path, handle, bounds)
        source = _opened(held, f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_NONBLOCK)
        content = _read(path, source, about.st_size)
        after = os.fstat(source)
        if (after.st_size, after.st_mtime_ns) != (about.st_size, about.st_mtime_ns):
            raise _cannot(path, "it was written to meanwhile")
        link = str(real) if real != lies else ""
        return Kept(content=content, mode=stat.S_IMODE(about.st_mode), uid=about.st_uid, gid=about.st_gid, link=link)


def _check(path: str, handle: int, bounds: Bounds) -> Path:
    """Where what was opened truly lies: it still has a name, and one where a kept file may lie."""
    real = Path(os.readlink(f"/proc/self/fd/{handle}"))  # noqa: PTH115 - it is no path of a file
    why = bounds.against(real)
    if why or not os.fstat(handle).st_nlink:
        raise _cannot(path, why or "it was removed")
    return real


def _read(path: str, source: int, size: int) -> bytes:
    """All of it. A file of the kernel says that it is empty and is not, so the size is not trusted."""
    content = bytearray()
    while size <= LARGEST_BYTES and (data := os.read(source, 1 << 20)):
        content += data
        size = max(size, len(content))
    if size > LARGEST_BYTES:
        raise _cannot(path, f"it is larger than {LARGEST_BYTES // 1024**2} MiB")
    return bytes(content)


def _opened(held: contextlib.ExitStack, path: str, flags: int, *, dir_fd: int | None = None) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC, dir_fd=dir_fd)
    held.callback(os.close, fd)
    return fd


def _is_there(name: str, above: int) -> bool:
    try:
        os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def _refusing(path: str, before: str = "") -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise _cannot(path, f"{before}{words_of(error)}") from error


def _cannot(path: str, why: str) -> ExecutionError:
    return ExecutionError(
        f"What {path!r} holds cannot be kept: {why}. Nothing was changed.",
        fix="Save a regular file of at most 16 MiB that the server may read, or declare an undo of another kind.",
    )
