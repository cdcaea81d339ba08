"""Every page with nothing on it, with one of each thing, and with ten thousand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browsers import Visitor, visitor
from served import Served, serve, shop_in

MANY = 10_000
MOST_AT_ONCE = 220
ONE = {"/": ".rows li", "/approvals": ".cardlist > *", "/runs": ".rows li", "/tickets": ".rows li"}
ONE |= {"/runbooks": ".rows li", "/connections": "li.record"}
# What is made many, and what tells its newest row.
TABLES = {
    "runs": "created_at",
    "steps": "number",
    "approvals": "requested_at",
    "tickets": "created_at",
    "connections": "created_at",
    "runbooks": "position",
}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("none") / "data") as served:
        yield served


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("one")
    with serve(folder / "data") as served:
        _one_of_each(served, folder)
        yield served


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("many")
    with serve(folder / "data") as served:
        _one_of_each(served, folder)
    _multiplied(folder / "data" / "opsagent.db")
    with serve(folder / "data") as served:
        yield served


@pytest.mark.parametrize("path", ["/approvals", "/runs", "/tickets", "/runbooks"])
def test_an_empty_page_says_what_to_do_next(quiet: Served, browser: Browser, path: str) -> None:
    with_nothing = _someone(browser, quiet)
    page = with_nothing.open(path)
    expect(page.locator(".empty:visible").first).to_be_visible()
    assert page.locator(".empty:visible").first.inner_text().strip()
    _leaves(with_nothing)


@pytest.mark.parametrize("path", ONE)
def test_one_of_each_is_shown(single: Served, browser: Browser, path: str) -> None:
    someone = _someone(browser, single)
    page = someone.open(path)
    expect(page.locator(ONE[path]).first).to_be_visible()
    _leaves(someone)


@pytest.mark.parametrize("path", ONE)
def test_of_ten_thousand_a_page_shows_what_a_person_can_read(crowded: Served, browser: Browser, path: str) -> None:
    someone = _someone(browser, crowded)
    page = someone.open(path)
    expect(page.locator(ONE[path]).first).to_be_visible()
    assert page.locator(ONE[path]).count() <= MOST_AT_ONCE
    assert page.locator("body *").count() < 20_000
    _leaves(someone)


def test_the_older_runs_are_a_page_away(crowded: Served, browser: Browser) -> None:
    someone = _someone(browser, crowded)
    page = someone.open("/runs")
    first = _titles(page)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**cursor=*")
    expect(page.locator(".rows li").first).to_be_visible()
    assert not first & _titles(page)
    _leaves(someone)


def test_one_of_ten_thousand_connections_is_found_by_its_name(crowded: Served, browser: Browser) -> None:
    someone = _someone(browser, crowded)
    page = someone.open("/connections")
    expect(page.get_by_text(f"{MANY - 100 + 1:,} more: narrow them by name.")).to_be_visible()  # the sandbox, too
    page.get_by_label("Find in connections").fill("LONELY77")
    expect(page.locator("li.record")).to_have_count(100)
    page.get_by_label("Find in connections").fill("lonely7777")
    expect(page.locator("li.record")).to_have_count(1)
    page.get_by_label("Find in connections").fill("lonely7777x")
    expect(page.get_by_text("None is called so.")).to_be_visible()
    _leaves(someone)


def test_all_that_waits_is_counted(crowded: Served, browser: Browser) -> None:
    someone = _someone(browser, crowded)
    page = someone.open("/approvals")
    expect(page.get_by_text(f"{MANY - 100:,} more wait behind these")).to_be_visible()
    expect(page).to_have_title(f"({MANY}) Agent Dashboard · OpsAgent")
    _leaves(someone)


def _titles(page: Page) -> set[str | None]:
    return {one.get_attribute("href") for one in page.locator(".rows li a").all()}


def _someone(browser: Browser, served: Served) -> Visitor:
    return visitor(browser, served, (served.folder / "admin.key").read_text().strip())


def _leaves(someone: Visitor) -> None:
    someone.context.close()
    someone.is_content()


def _one_of_each(served: Served, folder: Path) -> None:
    """A question that waits, with the ticket, run, runbook and connection it is about."""
    admin = served.admin()
    admin.json_of("POST", "/api/v1/control/acting", {"on": True})
    shop = shop_in(folder, "lonely")
    shop.register(admin)
    admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", shop.alerts(), status=202)
    (ticket,) = admin.get_json("/api/v1/tickets")["tickets"]
    admin.question(ticket["runId"])


def _multiplied(path: Path) -> None:
    """Copies of each row; each has ids, names and a time of its own, and nothing to do before the test is over."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        rows = {
            table: dict(database.execute(f"SELECT * FROM {table} ORDER BY {order} DESC LIMIT 1").fetchone())  # noqa: S608
            for table, order in TABLES.items()
        }
        names = {row["id"] for row in rows.values()} - {rows["runbooks"]["id"], rows["steps"]["id"]}
        names.add(rows["tickets"]["fingerprint"])
        for table, row in rows.items():
            marks = ",".join("?" * len(row))
            database.executemany(
                f"INSERT INTO {table} ({','.join(row)}) VALUES ({marks})",  # noqa: S608 - names of our own tables
                (list(_copied(row, names, number).values()) for number in range(1, MANY)),
            )
        database.commit()


def _copied(row: dict[str, Any], names: set[str], number: int) -> dict[str, Any]:
    copy = dict(row)
    for column, value in row.items():
        if isinstance(value, str):
            copy[column] = value.replace("lonely", f"lonely{number}")
            for name in names:
                copy[column] = copy[column].replace(name, f"{name[:-5]}{number:05}")
        elif column in {"created_at", "requested_at"}:
            copy[column] = value - number
        elif column in {"due_at", "expires_at"}:
            copy[column] = value + 7200
        elif column == "position":
            copy[column] = value + number
    return copy
