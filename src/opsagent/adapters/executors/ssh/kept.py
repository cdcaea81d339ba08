"""Reads over SFTP what a file on a host holds before a command changes it: every byte, or the certainty of nothing."""

from __future__ import annotations

import posixpath
import stat
from typing import TYPE_CHECKING

from opsagent.adapters.executors.ssh.registration import ssh_library
from opsagent.errors import ExecutionError
from opsagent.ports.executor import Kept

if TYPE_CHECKING:
    import asyncssh

LARGEST_BYTES = 16 * 1024**2


def errors() -> tuple[type[Exception], ...]:
    """What SFTP raises when something is not as hoped; a `TimeoutError` is an `OSError`."""
    found: tuple[type[Exception], ...] = (ssh_library().Error, OSError)
    return found


async def keep_remote(held: asyncssh.SSHClientConnection, path: str) -> Kept:
    """What the path holds; relative paths start at the account's home. ExecutionError, or what `errors` names."""
    library = ssh_library()
    folder, name = posixpath.split(path)
    if name in ("", ".", ".."):
        raise cannot(path, "it names a folder")
    async with held.start_sftp_client() as files:
        above = await files.realpath(folder or ".")
        if not stat.S_ISDIR((await files.stat(above)).permissions or 0):
            raise cannot(path, "its folder cannot be seen")
        full = posixpath.join(above, name)
        try:
            link = await files.lstat(full)
        except library.SFTPNoSuchFile:
            return Kept(content=None)
        if stat.S_ISLNK(link.permissions or 0):
            try:
                await files.stat(full)
            except library.SFTPNoSuchFile:
                raise cannot(path, "it is a link that leads nowhere") from None
        before = await files.stat(full)
        if not stat.S_ISREG(before.permissions or 0):
            raise cannot(path, "it is no regular file")
        real = posixpath.normpath(await files.realpath(full))
        if real.startswith("/proc/"):
            raise cannot(path, "it belongs to a process")
        async with files.open(full, "rb") as source:
            content = await _read(path, source, before.size or 0)
            after = await source.stat()
    if (after.size, after.mtime) != (before.size, before.mtime) or len(content) != (before.size or 0):
        raise cannot(path, "it was written to meanwhile")
    return Kept(
        content=content,
        mode=stat.S_IMODE(before.permissions or 0o600),
        uid=before.uid or 0,
        gid=before.gid or 0,
        link=real if stat.S_ISLNK(link.permissions or 0) else "",
    )


async def _read(path: str, source: asyncssh.SFTPClientFile, size: int) -> bytes:
    if size > LARGEST_BYTES:
        raise cannot(path, f"it is larger than {LARGEST_BYTES // 1024**2} MiB")
    found: bytes = await source.read(LARGEST_BYTES + 1)
    return found


def cannot(path: str, why: str) -> ExecutionError:
    """Why it was not kept."""
    return ExecutionError(
        f"What {path!r} holds cannot be kept: {why}. Nothing was changed.",
        fix="Save a regular file of at most 16 MiB that the account may read; its sshd needs the sftp subsystem.",
    )
