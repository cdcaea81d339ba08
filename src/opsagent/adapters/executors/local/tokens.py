"""Start tokens on disk: the names of an attempt, taking a token for ever, and what an attempt left behind.

The launcher writes them (its docstring tells their order and what each window means); recovery reads them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsagent.errors import ExecutionError

NEVER = "never"  # what a token points at once recovery took it: the command never started and never will
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """The names one attempt has on disk."""

    token: Path

    @property
    def started(self) -> Path:
        """Link to the identity of the command's first process."""
        return self.token.with_name(f"{self.token.name}.started")

    @property
    def outcome(self) -> Path:
        """The outcome as JSON."""
        return self.token.with_name(f"{self.token.name}.outcome")

    def output(self, name: str) -> Path:
        """What it wrote to `stdout` or `stderr` so far."""
        return self.token.with_name(f"{self.token.name}.{name}")

    def read_outcome(self) -> dict[str, Any] | None:
        """The outcome; None where there is none, or a torn one."""
        try:
            found = json.loads(self.outcome.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def replace_outcome(self, outcome: Mapping[str, object]) -> None:
        """Put a redacted outcome in the place of the raw one, and remove the raw output."""
        temporary = self.token.with_name(f"{self.token.name}.new")
        with temporary.open("w") as file:
            temporary.chmod(0o600)
            json.dump(outcome, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.outcome)
        for name in ("stdout", "stderr"):
            self.output(name).unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """The name, if it can be a file name here. Raises ExecutionError."""
    if not _SAFE_NAME.fullmatch(name):
        raise ExecutionError(
            f"{name!r} cannot be the name of a run or of a start token; nothing was started.",
            fix="Use at most 200 letters, digits, dots, dashes and underscores, the first a letter or a digit.",
        )
    return name


class Tokens:
    """The folder of tokens: one folder per run in it, so that a deleted run's tokens go with it."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def prepare(self, run_id: str, token: str) -> Attempt:
        """The names of an attempt; makes and syncs the folder of its run when it is new."""
        folder = self._state / safe_name(run_id)
        if not folder.is_dir():
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync(self._state)
        return Attempt(folder / safe_name(token))

    def refuse(self, attempt: Attempt) -> bool:
        """Take the token for ever, so that the command never starts; False where somebody has it."""
        try:
            attempt.token.symlink_to(NEVER)
        except FileExistsError:
            return False
        _sync(attempt.token.parent)
        return True

    def holder(self, link: Path) -> str:
        """What a token or a marker points at: an identity, NEVER, or nothing where there is no such link."""
        try:
            return str(link.readlink())
        except FileNotFoundError:
            return ""

    def forget(self, run_id: str) -> None:
        """Remove every token of the run."""
        shutil.rmtree(self._state / safe_name(run_id), ignore_errors=True)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
