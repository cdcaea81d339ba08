"""Which Python starts a program of ours in a sandbox, and what of this machine it needs to see for that."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from opsagent.adapters.executors.local.views import User, can_reach


def reachable_python(user: User, needed: Iterable[Path]) -> Path | None:
    """The server's interpreter if its user can run it with all it needs, else the system's of the same version.

    A server's Python in root's home is closed to another user; the system's is not. None: neither will do.
    """
    same = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    wanted = tuple(needed)
    for python in (Path(sys.executable).resolve(), same):
        if python.is_file() and all(can_reach(path, user) for path in (python, *wanted)):
            return python
    return None


def interpreter_folders() -> tuple[Path, ...]:
    """The folders of the interpreter that a sandbox's view does not have anyway, under the names it looks them up."""
    given = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]]
    found = dict.fromkeys(path for one in given for path in (one, one.resolve()))
    return tuple(path for path in found if path.parts[:2] != ("/", "usr") and path != Path("/"))
