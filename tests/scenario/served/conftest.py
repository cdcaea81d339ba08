"""Fixtures of the served scenarios: one server for those that leave it as they found it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from served import Caller, Served, Shop, serve, shop_in

_NUMBERS = itertools.count(1)
# For the walks, so that there is an escalation to look for; nobody is ever told.
LATE = """
policies:
  - name: late
    on: ticket_open
    match: [service=marmalade]
    steps: [{after: 30d, tell: {channel: webhook, address: "http://127.0.0.1:9/"}}]
"""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that acts and calls back to loopback; shared, so each test brings shops of its own."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "escalation.yaml").write_text(LATE)
    with serve(
        folder / "data",
        escalation_file=folder / "escalation.yaml",
        allow_private_callbacks="true",
        callback_secret="the callback secret of the tests",
    ) as running:
        running.admin().json_of("POST", "/api/v1/control/acting", {"on": True})
        yield running


@pytest.fixture
def admin(served: Served) -> Caller:
    return served.admin()


@pytest.fixture
def new_shop(tmp_path: Path) -> Callable[[], Shop]:
    """Makes a broken shop whose name nobody else uses."""
    return lambda: shop_in(tmp_path, f"shop{next(_NUMBERS)}")


@pytest.fixture
def shop(admin: Caller, new_shop: Callable[[], Shop]) -> Shop:
    """A broken shop that is registered, with its runbook."""
    made = new_shop()
    made.register(admin)
    return made
