"""The key that signs the cookies of sessions: made once in the data folder, the same for all its processes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from opsagent.errors import StoreUnavailable

FILE_NAME = "session.key"


def session_key(folder: Path, fresh: str) -> bytes:
    """The key of the folder; `fresh` becomes it where there is none yet. StoreUnavailable.

    Losing it signs everybody out, and nothing else.
    """
    path, half = folder / FILE_NAME, folder / f"{FILE_NAME}.{os.getpid()}"
    try:
        if not path.exists():
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(fresh.encode())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was quicker: its key is the key
                os.link(half, path)
            half.unlink()
        key = path.read_bytes().strip()
    except OSError as error:
        raise StoreUnavailable(
            f"The key of sessions {path} cannot be made or read: {error.strerror}.",
            fix="Make room, or make it readable for the user that runs OpsAgent.",
        ) from error
    if not key:
        raise StoreUnavailable(f"The key of sessions {path} is empty.", fix="Remove the file; the next start makes it.")
    return key
