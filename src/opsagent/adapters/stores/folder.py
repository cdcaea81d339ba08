"""The data folder: who owns it, and the key of its audit record."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from opsagent.errors import FolderInUse, StoreUnavailable

_LOG = logging.getLogger(__name__)
_PRIVATE = 0o600


class Ownership:
    """The lock on a folder. The kernel frees it with the process, kill -9 included; the file stays and means nothing.

    `address` is what a second server is told about the first.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self._path = folder / "lock"
        self._address = address
        self._descriptor: int | None = None

    def take(self) -> None:
        """Own the folder until `release`. FolderInUse."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 1000).decode("utf-8", "replace").strip()
            os.close(descriptor)
            raise FolderInUse(
                f"Another OpsAgent server{f' ({owner})' if owner else ''} owns the data folder {self._path.parent}.",
                fix="Stop that server first, or start this one with another data folder.",
            ) from error
        at = f", {self._address}" if self._address else ""
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"pid {os.getpid()}{at}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


class Presence:
    """The mark of a process that works beside a server, or without one: a shared lock on `working.lock` while it lives.

    Only who holds that lock alone may end the leases of others: a process that is killed loses its mark, one that is
    frozen keeps it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "working.lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Be seen until `release`; waits while somebody makes sure that nobody is there."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._descriptor = descriptor

    def release(self) -> None:
        """Be gone."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def nobody_else(self) -> Iterator[bool]:
        """Whether surely no other process is present; then none comes either before the end of the block."""
        with ExitStack() as held:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
                held.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # somebody is there, or it cannot be told
                sure = False
            else:
                sure = True
            yield sure


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in the block on this lock file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Make the folder if there is none, for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_audit_key(folder: Path, secret: str, *, late: bool) -> None:
    """Write `audit.key` at the first start, safe on disk before anything is sealed with it.

    `late` says that there is a record already; then the key was lost, and what is there can no longer be checked.
    """
    path = folder / "audit.key"
    if path.exists():
        return
    if late:
        _LOG.warning("%s was missing and is made anew: audit entries before now can no longer be checked", path)
    fresh = folder / "audit.key.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret.encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    settle(folder)


def read_audit_key(folder: Path) -> bytes:
    """The key that seals and checks the audit record. StoreUnavailable."""
    path = folder / "audit.key"
    fix = "Restore audit.key from a copy of the data folder and make it readable for the user that runs OpsAgent."
    try:
        key = path.read_bytes()
    except OSError as error:
        raise StoreUnavailable(f"The audit key {path} cannot be read: {error.strerror}.", fix=fix) from error
    if not key:
        raise StoreUnavailable(f"The audit key {path} is empty.", fix=fix)
    return key


def settle(folder: Path) -> None:
    """Make renames in a folder safe on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
