"""A person at a real terminal: asked where the run is followed, and free to leave at any time."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = (
    "run",
    "bring it back",
    "--follow",
    "--runbook",
    "marker-gone",
    "--connection",
    "machine",
    "--parameter",
    "who=ada",
)


class Sitting:
    """A process on a terminal of its own."""

    def __init__(self, opsagent: Any) -> None:
        self.ours, theirs = pty.openpty()
        streams = {"stdin": theirs, "stdout": theirs, "stderr": subprocess.STDOUT}
        self.process = opsagent.begin(*WORDS, **streams, start_new_session=True)
        os.close(theirs)
        self.seen = ""

    def until(self, words: str) -> None:
        while words not in self.seen:
            self.seen += self._read()

    def rest(self) -> str:
        while part := self._read(at_end=""):
            self.seen += part
        self.process.wait(timeout=30)
        os.close(self.ours)
        return self.seen

    def _read(self, at_end: str | None = None) -> str:
        try:
            part = os.read(self.ours, 4096).decode("utf-8", "replace")
        except OSError:  # a terminal whose other side is gone
            part = ""
        assert part or at_end is not None, self.seen
        return part


@pytest.fixture
def sit(opsagent: Any, machine: Path) -> Callable[[], Sitting]:
    return lambda: Sitting(opsagent)


def test_the_person_is_asked_where_the_run_is_followed(sit: Callable[[], Sitting], machine: Path) -> None:
    sitting = sit()
    sitting.until("[y/N]")
    assert not (machine / "marker").exists()
    os.write(sitting.ours, b"y\n")
    said = sitting.rest()
    assert sitting.process.returncode == 0, said
    assert (machine / "marker").exists()


def test_ctrl_c_leaves_at_once_and_decides_nothing(sit: Callable[[], Sitting], opsagent: Any, machine: Path) -> None:
    sitting = sit()
    sitting.until("[y/N]")
    sitting.process.send_signal(signal.SIGINT)
    said = sitting.rest()
    assert sitting.process.returncode == 130, said
    assert "Traceback" not in said
    assert not (machine / "marker").exists()
    assert len(opsagent("approve", "--json").json["approvals"]) == 1
