"""A bench for each backend that works here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_shell import BACKENDS, Bench, open_folder
from opsagent.adapters.executors.local import Backend


@pytest.fixture(params=BACKENDS, ids=str)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with open_folder() as folder:
        yield Bench(folder, request.param)


@pytest.fixture
def boxed() -> Iterator[Bench]:
    """The strongest backend of this machine."""
    with open_folder() as folder:
        yield Bench(folder, BACKENDS[0])


@pytest.fixture
def weak() -> Iterator[Bench]:
    with open_folder() as folder:
        yield Bench(folder, Backend.RLIMITS)
