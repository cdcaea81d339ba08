"""axe-core (github.com/dequelabs/axe-core, as its wheel brings it) finds no serious fault on any page, in any look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

import pictures
from browsers import visitor
from served import Served

SERIOUS = frozenset({"serious", "critical"})


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """A server with something on each page, and the pages."""
    folder = tmp_path_factory.mktemp("accessible")
    with pictures.house(folder) as served:
        yield served, pictures.filled(served, folder)


@pytest.mark.parametrize("look", pictures.LOOKS)
def test_no_page_has_a_serious_fault(shown: tuple[Served, dict[str, str]], browser: Browser, look: str) -> None:
    served, pages = shown
    key = (Path(served.folder) / "admin.key").read_text().strip()
    someone = visitor(browser, served, key, **pictures.LOOKS[look])
    stranger = visitor(browser, served, **pictures.LOOKS[look])
    faults: list[str] = []
    for path in pages.values():
        page = someone.open(path)
        page.wait_for_load_state("networkidle")
        faults += _faults(page, path)
    stranger.page.goto(f"{served.url}/login")
    faults += _faults(stranger.page, "/login")
    for one in (someone, stranger):
        one.context.close()
    assert not faults, "\n".join(sorted({f.split(": ", 1)[1] for f in faults}))


SHEETS = {
    "/settings/people": ("Add a person", "Give a role"),
    "/settings/keys": ("Make a key",),
    "/settings/quiet": ("Silence something", "Add a window", "Freeze"),
    "/connections": ("Connect something", "Add a credential"),
    "/": ("Menu",),
}


@pytest.mark.parametrize("look", pictures.LOOKS)
def test_no_sheet_has_a_serious_fault(shown: tuple[Served, dict[str, str]], browser: Browser, look: str) -> None:
    served, _ = shown
    key = (Path(served.folder) / "admin.key").read_text().strip()
    someone = visitor(browser, served, key, **pictures.LOOKS[look])
    faults: list[str] = []
    for path, buttons in SHEETS.items():
        for words in buttons:
            page = someone.open(path)
            page.get_by_role("button", name=words).first.click()
            expect(page.locator(".sheet, .menu:popover-open").first).to_be_visible()
            page.wait_for_function("() => document.getAnimations().every((one) => one.playState === 'finished')")
            faults += _faults(page, f"{path} {words}")
    someone.context.close()
    assert not faults, "\n".join(sorted({f.split(": ", 1)[1] for f in faults}))


def _faults(page: Page, path: str) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{path}: {one['id']}: {one['help']}: {' '.join(node['target'])}: {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
