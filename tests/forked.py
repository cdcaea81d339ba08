"""Processes forked from one that has imported and read all a server needs: half a second each, not four."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path


def fork(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """A new process, just started; its own memory, no thread and no descriptor of ours."""
    _prepare()
    process = multiprocessing.get_context("forkserver").Process(target=_ready, args=(target, arguments))
    process.start()
    return process


_ONE = threading.Lock()


def _prepare() -> None:
    """Start the process that others are forked from, if there is none."""
    with _ONE:
        multiprocessing.set_forkserver_preload(["forked_house"])
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # Python 3.11 does not tell it our sys.path
        try:
            forkserver.ensure_running()
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before


def _ready(target: Callable[..., None], arguments: Sequence[object]) -> None:
    assert "forked_house" in sys.modules, "a module that cannot be preloaded is passed over in silence"
    os.environ.pop("PYTHONPATH", None)
    target(*arguments)


@dataclass
class Forked:
    """The `opsagent` command in a forked process; its moves are those of subprocess.Popen."""

    process: BaseProcess

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        return self.process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, within_s: float | None = None) -> int:
        """Its exit code; fails when it has not ended in time."""
        self.process.join(within_s)
        code = self.poll()
        assert code is not None, f"it has not ended within {within_s} s"
        return code


def opsagent(arguments: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path) -> Forked:
    """The command with these arguments, in that folder; what it says goes to the log."""
    return Forked(fork(_command, [*arguments], dict(environ), folder, log))


def _command(arguments: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path) -> None:
    with log.open("ab") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = ["opsagent", *arguments]
    from opsagent.cli.app import main

    main()
