"""Starts a launcher with its order, listens for its answer, and ends it or leaves it to itself.

The order and the command's input are handed over in memory (memfd_create(2)), complete before the launcher exists:
nothing of them is on a disk, and a server that dies meanwhile leaves no half of them. This is no asyncio subprocess,
because one of those kills its process when it is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsagent.adapters.executors.local.lacking import aside
from opsagent.adapters.executors.local.survivors import end_by_pid, is_frozen

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))


def launch(python: str, spec: Mapping[str, object], stdin: bytes, syscalls: bytes = b"") -> Launching:
    """Start a launcher; `syscalls` is the filter for bwrap. OSError: it was not started."""
    with contextlib.ExitStack() as held:
        given = _in_memory(held, "stdin", stdin) if stdin else -1
        refused = _in_memory(held, "filter", syscalls) if syscalls else -1
        order = _in_memory(held, "order", json.dumps({**spec, "stdin": given, "filter": refused}).encode())
        hears, says = os.pipe2(os.O_CLOEXEC)
        held.callback(os.close, says)
        answer = _Answer(hears)  # listens before there is somebody to hear: nothing can fail afterwards
        unheard = held.enter_context(contextlib.ExitStack())
        unheard.callback(answer.close)
        process = subprocess.Popen(  # noqa: S603 - our own launcher
            [python, "-ISs", _LAUNCHER],
            stdin=order,
            stdout=says,
            stderr=subprocess.DEVNULL,
            pass_fds=[fd for fd in (given, refused) if fd >= 0],
            start_new_session=True,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
        )
        unheard.pop_all()
    return Launching(process, answer)


class Launching:
    """A launcher at work. `left` is True once it was left to itself."""

    def __init__(self, process: subprocess.Popen[bytes], answer: _Answer) -> None:
        self._process, self._answer, self.left = process, answer, False

    async def answer(self) -> dict[str, Any]:
        """Wait for its end: what it said, empty where it died. Cancelling this does nothing to it."""
        await asyncio.shield(self._answer.ended)
        await self._collect()
        with contextlib.suppress(ValueError):
            said = json.loads(self._answer.said)
            return said if isinstance(said, dict) else {}
        return {}

    async def stop(self, patience_s: float) -> None:
        """Ask it to end its tree and to write `cancelled`; end it with its tree if it does not."""
        self._process.terminate()
        patience_s = 0.0 if is_frozen(self._process.pid) else patience_s
        done, _ = await asyncio.wait({self._answer.ended}, timeout=patience_s)
        if not done:
            await aside(end_by_pid, self._process.pid)
            await self._answer.ended
        await self._collect()

    def leave(self) -> None:
        """Hear no more of it: it ends its command by itself and writes down how."""
        self.left = True
        self._answer.close()
        with contextlib.suppress(RuntimeError):  # no thread: it stays a zombie until this server has ended
            threading.Thread(target=self._process.wait, name="opsagent-left", daemon=True).start()

    async def _collect(self) -> None:
        """Take its exit status, so that no zombie stays; it closed its answer by ending, so this is no wait."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                await aside(self._process.wait)


class _Answer:
    """All that a launcher says, until it ends."""

    def __init__(self, fd: int) -> None:
        self._fd, self.said = fd, bytearray()
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(fd, False)
        try:
            self._loop.add_reader(fd, self._take)
        except OSError:
            os.close(fd)
            raise

    def _take(self) -> None:
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return
        self.said += data
        if not data:
            self.close()
            self.ended.set_result(None)

    def close(self) -> None:
        """Hear no more."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


def _in_memory(held: contextlib.ExitStack, name: str, content: bytes) -> int:
    """A file without a name that holds the content, to be read from its start."""
    fd = os.memfd_create(name)
    held.callback(os.close, fd)
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
