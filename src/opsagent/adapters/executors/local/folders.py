"""The sandbox folders: one per run, readable by the run's own commands only, gone when the run is let go."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

from opsagent.adapters.executors.local.lacking import words_of
from opsagent.adapters.executors.local.tokens import safe_name
from opsagent.errors import SandboxUnavailable


class Folders:
    """The folders below one root. A root server gives a folder to the user of the command that runs in it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check(self) -> None:
        """Make the root, or check that the one found is ours alone: it often lies below a /tmp all may write.

        Raises SandboxUnavailable.
        """
        try:
            why = self._why_not()
        except OSError as error:
            why = words_of(error)
        if not why:
            return
        raise SandboxUnavailable(
            f"The sandbox root {self._root} cannot be used: {why}. Nothing was started.",
            fix=f"Look at who made {self._root}, then remove it, or point the sandbox root somewhere else.",
        )

    def path(self, run_id: str) -> Path:
        """Where the run's folder is."""
        return self._root / safe_name(run_id)

    def open(self, run_id: str, uid: int, gid: int) -> Path:
        """Make the folder if needed and give it to the user (0700). Raises SandboxUnavailable, OSError."""
        folder = self.make(run_id)
        if os.geteuid() == 0:
            os.chown(folder, uid, gid, follow_symlinks=False)
        folder.chmod(0o700)
        return folder

    def make(self, run_id: str) -> Path:
        """Make the folder if needed; nobody but us may enter a new one. Raises SandboxUnavailable, OSError."""
        self.check()
        folder = self.path(run_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def close(self, run_id: str) -> None:
        """Take the folder back, so that another run's command cannot enter where it has no view of its own.

        A server that is not root has one user for all its commands and cannot tell them apart; `describe` says so.
        """
        if os.geteuid() == 0:
            with contextlib.suppress(OSError):
                os.chown(self.path(run_id), 0, 0, follow_symlinks=False)

    def remove(self, run_id: str) -> None:
        """Delete the folder and all in it, whatever modes its commands gave; a symbolic link is not followed."""
        folder = self.path(run_id)
        try:
            if os.geteuid() != 0:
                _unlock(folder)
            shutil.rmtree(folder, ignore_errors=True)
        except RecursionError:  # a tree too deep for both; these programs go down any depth
            for call in (["/bin/chmod", "-R", "u+rwX"], ["/bin/rm", "-rf"]):
                subprocess.run([*call, "--", str(folder)], check=False, stderr=subprocess.DEVNULL)  # noqa: S603 - ours

    def _why_not(self) -> str:
        try:
            self._root.mkdir(mode=0o711, parents=True)
            self._root.chmod(0o711)  # commands of another user pass through it and cannot list it
        except FileExistsError:
            found = self._root.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                return "it does not belong to this server alone"
        return ""


def _unlock(folder: Path) -> None:
    """Give us back what a command forbade its own user."""
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                _unlock(Path(entry.path))
