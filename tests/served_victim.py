"""A whole `opsagent serve` in a process forked ready to go, which pulls its own plug where it is ordered to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx

from forked import fork
from opsagent.adapters.failpoints import Failpoints
from opsagent.bootstrap import build
from opsagent.cli import server
from opsagent.settings import Settings
from served import WITHIN_S, until
from servers.loopback import PLAIN

Point = tuple[str, int]  # a place, and the how many-th time it is reached


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


@dataclass
class Victim:
    """The server on one folder, started again whenever it has died."""

    folder: Path
    environ: dict[str, str]
    process: BaseProcess
    url: str = ""
    key: str = ""
    orders: int = 0

    def order(self, point: Point) -> None:
        self.orders += 1
        new = self.folder / "order.new"
        new.write_text(f"{point[0]} {point[1]} {self.orders}")
        new.rename(self.folder / "order")

    def withdraw(self) -> bool:
        """Take the order back; False where it is being carried out."""
        try:
            (self.folder / "order").unlink()
        except FileNotFoundError:
            self.process.join(WITHIN_S)
            return False
        return True

    def keep(self) -> bool:
        """Start it again where it has died; whether it had."""
        if self.process.is_alive():
            return False
        self.process.join()
        assert not (self.folder / "order").exists(), (self.folder / "log").read_text()
        self.process = start(self.folder, self.environ)
        self.is_up()
        return True

    def is_up(self) -> None:
        def up() -> bool:
            assert self.process.is_alive(), (self.folder / "log").read_text()
            try:
                about = json.loads((self.folder / "data" / "server.json").read_text())
                if about["pid"] != self.process.pid:
                    return False
                self.url, self.key = about["url"], (self.folder / "data" / "admin.key").read_text().strip()
                return (
                    httpx.get(f"{self.url}/readyz", timeout=WITHIN_S, trust_env=False, verify=PLAIN).status_code == 200
                )
            except (OSError, ValueError, httpx.TransportError):
                return False

        until(up, "the server is up")

    def ask(self, question: str, *values: object) -> list[Any]:
        """What the store says."""
        address = f"file:{self.folder / 'data' / 'opsagent.db'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as store:
            return store.execute(question, values).fetchall()
