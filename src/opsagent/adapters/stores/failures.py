"""Says in words what is wrong with a database that does not take a write or a read."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError

from opsagent.errors import ConflictError, InputError, StoreUnavailable

_NOTHING_KEPT = "Nothing of this request was stored."
_FULL = ("The disk of the data folder is full", "Free some space; no restart is needed.")
# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: (
        "The disk of the data folder reports an error",
        "Look at `dmesg` and at free space (`df`, quota); no restart is needed once the disk works.",
    ),
    sqlite3.SQLITE_READONLY: (
        "The database cannot be written to",
        "Make the data folder and opsagent.db writable for the user that runs OpsAgent.",
    ),
    sqlite3.SQLITE_PERM: (
        "The database may not be opened",
        "Make the data folder readable and writable for the user that runs OpsAgent.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The database cannot be opened",
        "Check that the data folder exists and belongs to the user that runs OpsAgent.",
    ),
    sqlite3.SQLITE_BUSY: (
        "Another process holds the database locked",
        "Find it with `fuser -v opsagent.db` in the data folder; an open sqlite3 shell with a transaction does that.",
    ),
    sqlite3.SQLITE_LOCKED: ("The database is locked", "Try again; if it stays so, restart OpsAgent."),
    sqlite3.SQLITE_CORRUPT: (
        "The database is damaged",
        "Stop OpsAgent and restore opsagent.db from a copy; keep the damaged file (`sqlite3 .recover` may save more).",
    ),
    sqlite3.SQLITE_NOTADB: (
        "opsagent.db is not a database",
        "Stop OpsAgent and put the right opsagent.db into the data folder, or move the wrong one away.",
    ),
    sqlite3.SQLITE_NOMEM: ("There is no memory left", "Give the process more memory."),
}
_OTHER = ("The database refused", "Look at the server's log; try again.")


def unavailable(error: BaseException, where: Path | None = None) -> StoreUnavailable | None:
    """The error for people when `error` means that the store cannot serve now; None for a mistake in the call.

    A broken constraint is a mistake in the call, a full disk is not.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    place = f" ({where})" if where else ""
    if isinstance(original, sqlite3.Error) and not isinstance(original, (sqlite3.IntegrityError, sqlite3.DataError)):
        code = getattr(original, "sqlite_errorcode", None)
        what, fix = _SQLITE.get((code or 0) & 0xFF, _OTHER)
        detail = f" [{original}]" if (what, fix) == _OTHER else ""
        return StoreUnavailable(f"{what}{place}.{detail} {_NOTHING_KEPT}", fix=fix, extra={"sqlite": code})
    if isinstance(original, OSError):
        full = original.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        what, fix = _FULL if full else (f"The data folder cannot be used: {original.strerror}", _OTHER[1])
        return StoreUnavailable(f"{what}{place}. {_NOTHING_KEPT}", fix=fix)
    return None


def explained(error: Exception, where: Path | None = None) -> Exception:
    """The error a caller gets for one that a store's work raised: ours as they are, the database's in words."""
    if isinstance(error, IntegrityError):
        found: Exception = ConflictError(
            f"It exists already, or contradicts what is stored ({error.orig}).", fix="Look at what is stored."
        )
    elif isinstance(error, (UnicodeEncodeError, OverflowError)):
        found = InputError("A text or number of this request cannot be kept or looked for.", fix="Correct the request.")
    else:
        found = unavailable(error, where) or error
    if found is not error:
        found.__cause__ = error
    return found


def gone(where: Path) -> StoreUnavailable:
    """The file was removed or replaced under us; what is written to it now would vanish with the process."""
    return StoreUnavailable(
        f"The database {where} was removed or replaced while OpsAgent was using it. {_NOTHING_KEPT}",
        fix="Put the file back (or restore a copy) and restart OpsAgent.",
    )
