"""One served OpsAgent and one Chromium for all page scenarios; each brings shops and visitors of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browsers import Visitor, chromium, visitor
from served import Caller, Served, Shop, serve, shop_in

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("pages") / "data") as running:
        running.admin().json_of("POST", "/api/v1/control/acting", {"on": True})
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def admin(served: Served) -> Caller:
    return served.admin()


@pytest.fixture
def shop(admin: Caller, tmp_path: Path) -> Shop:
    """A broken shop that is registered, with its runbook."""
    made = shop_in(tmp_path, f"kiosk{next(_NUMBERS)}")
    made.register(admin)
    return made


@pytest.fixture
def visit(served: Served, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: by a role (a person's), as the first admin, or a stranger; at the end no browser complained."""
    made: list[Visitor] = []

    def come(role: str = "admin", **screen: Any) -> Visitor:
        key = ""
        if role == "admin":
            key = (served.folder / "admin.key").read_text().strip()
        elif role:
            body = {"name": f"{role} {next(_NUMBERS)}", "role": role, "kind": "person"}
            key = served.admin().json_of("POST", "/api/v1/keys", body, status=201)["secret"]
        made.append(visitor(browser, served, key, **screen))
        return made[-1]

    yield come
    for one in made:
        one.context.close()
    for one in made:
        one.is_content()
