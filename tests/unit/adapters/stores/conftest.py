"""A SQLite file per test, and child processes on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

import store_child
from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.ports.stores import Stores
from store_nouns import Nouns

Child = subprocess.Popen[str]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ids() -> SeededIds:
    return SeededIds()


@pytest.fixture
def nouns(clock: ManualClock, ids: SeededIds) -> Nouns:
    return Nouns(clock, ids)


@pytest.fixture
async def stores(tmp_path: Path, clock: ManualClock, ids: SeededIds) -> AsyncIterator[Stores]:
    opened = open_sqlite(SqliteConfig(folder=tmp_path, busy_s=0.2, readers=1), clock, ids)
    await opened.housekeeping.open()
    yield opened
    await opened.housekeeping.close()


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Start `store_child.py` on the test's folder; whatever is left is killed."""
    started: list[Child] = []

    def start(*arguments: str) -> Child:
        command = [sys.executable, store_child.__file__, str(tmp_path), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
