"""The process that reads commands: started for the first one, ended with its owner, begun anew after a crash."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

from opsagent.adapters.analysers.aws.meaning import Meaning, Unread, from_answer
from opsagent.adapters.aws_cli import ENVIRONMENT, find_program
from opsagent.errors import ConfigurationError

_READER = Path(__file__).with_name("reader.py")
_LIMIT_S = 30.0  # for one command; the first starts the process (0.5 s) and loads a model (up to 0.3 s)
_LARGEST = 1 << 20


class ReaderProcess:
    """One reader at a time. Blocking, and safe to be asked by several threads. It holds no credential."""

    def __init__(self, *, limit_s: float = _LIMIT_S) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., ReaderProcess] | None = None

    def read(self, words: Sequence[str]) -> Meaning | Unread:
        """What the words of a command mean. A process that died, or fell silent, is replaced for the next command."""
        line = json.dumps(list(words)).encode() + b"\n"
        with self._lock:
            try:
                try:
                    answer = self._ask(line)
                except BrokenPipeError:  # it ended between two commands, because nobody asked for long
                    self.close()
                    answer = self._ask(line)
                return from_answer(json.loads(answer))
            except ConfigurationError as error:
                return Unread(f"{error.message} To mend: {error.fix}")
            except (OSError, ValueError, KeyError, TypeError):
                self.close()
                return Unread("its parser gave no answer")

    @property
    def pid(self) -> int:
        """Of the process; 0 where there is none."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def close(self) -> None:
        """End the process."""
        if self._finalizer is not None:
            self._finalizer()
        self._process = self._finalizer = None

    def _ask(self, line: bytes) -> bytes:
        """Send a line and wait for one. OSError, ConfigurationError."""
        process = self._process
        if process is None or process.poll() is not None:  # the first, or it ended because nobody asked for long
            self.close()
            process = self._start()
        assert process.stdin is not None  # noqa: S101 - for the types
        assert process.stdout is not None  # noqa: S101 - as above
        process.stdin.write(line)
        process.stdin.flush()
        answer = b""
        while not answer.endswith(b"\n"):
            if len(answer) > _LARGEST or not select.select([process.stdout], [], [], self._limit_s)[0]:
                raise TimeoutError
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                raise BrokenPipeError
            answer += data
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        program = find_program()
        process = subprocess.Popen(  # noqa: S603 - our own program
            [str(program.python), "-I", "-S", str(_READER), str(program.site)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(ENVIRONMENT),
            cwd="/",
            start_new_session=True,
        )
        self._process, self._finalizer = process, weakref.finalize(self, _end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it with its child; it has nothing to finish."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue
