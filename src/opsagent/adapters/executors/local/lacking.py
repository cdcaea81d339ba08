"""Says in words what the machine lacked when a system call failed, and runs blocking work so that it fails that way."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from opsagent.errors import ExecutionError

P = ParamSpec("P")
T = TypeVar("T")

_FIXES = {
    errno.ENOSPC: "Make room on that disk",
    errno.EDQUOT: "Make room within the quota of the server's user",
    errno.EMFILE: "Let the server open more files (LimitNOFILE= in its unit, or ulimit -n)",
    errno.ENFILE: "This machine has too many files open: end what holds them, or raise fs.file-max",
    errno.EAGAIN: "There are too many processes: end some, or raise TasksMax= and the user's process limit",
    errno.ENOMEM: "Free some memory on this machine",
    errno.EROFS: "Mount that filesystem writable",
    errno.EACCES: "Give the server's user the right to it",
    errno.EPERM: "Give the server's user the right to it",
}


async def aside(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Run it in a thread. OSError is what it raises, and what it means that no thread can be had."""
    try:
        return await asyncio.to_thread(work, *given, **named)
    except RuntimeError as error:  # "can't start new thread"; pathlib says a loop of links this way, too
        raise BlockingIOError(errno.EAGAIN, str(error)) from error


def words_of(error: OSError | ValueError) -> str:
    """What failed, with the file where there is one; no capital, no full stop."""
    if not isinstance(error, OSError):
        return str(error)
    said = error.strerror or str(error)
    return f"{said} ({error.filename})" if isinstance(error.filename, str) else said


def fix_of(error: OSError | ValueError) -> str:
    """What to do about it."""
    known = _FIXES.get(error.errno or 0) if isinstance(error, OSError) else None
    return f"{known or 'Look at that file and at the disk'}; then start the step again."


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Around what comes before the launcher: whatever fails in it, nothing was started. Raises ExecutionError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise ExecutionError(f"It was not started: {words_of(error)}.", fix=fix_of(error)) from error
