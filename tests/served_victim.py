"""A whole `opsagent serve` in a process forked ready to go, which pulls its own plug where it is ordered to."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Mapping
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from forked import fork
from opsagent.adapters.failpoints import Failpoints
from opsagent.bootstrap import build
from opsagent.cli import server
from opsagent.settings import Settings


class Ordered(Failpoints):
    """Dies at a place of adapters/failpoints.py, the nth time (from 1) it is reached after the order came.

    The order is a file with the place, n, and what makes it a new one; it is gone once it was carried out.
    """

    def __init__(self, order: Path) -> None:
        super().__init__()
        self._order = order
        self._counting = threading.Lock()
        self._text, self._count = "", 0

    def hit(self, name: str) -> None:
        with self._counting:
            try:
                text = self._order.read_text()
            except FileNotFoundError:
                return
            if text != self._text:
                self._text, self._count = text, 0
            place, nth = text.split()[:2]
            if name != place:
                return
            self._count += 1
            if self._count < int(nth):
                return
            try:
                self._order.unlink()
            except FileNotFoundError:
                return  # withdrawn at this very moment
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()


def live(folder: str, environ: Mapping[str, str]) -> None:
    """The child's main."""
    place = Path(folder)
    with (place / "log").open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    server.build = partial(build, failpoints=Ordered(place / "order"))
    settings = Settings.load({"data_dir": place / "data", "port": 0}, environ=environ)
    asyncio.run(server.Serving(settings=settings, as_json=True).run())


def start(folder: Path, environ: Mapping[str, str]) -> BaseProcess:
    """A new server on that folder, forked ready to go."""
    return fork(live, str(folder), dict(environ))
