"""Connections and credentials by hand: add, try, change, give a new value, remove; a value never comes out."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from browsers import PHONE, Visitor
from served import Caller, Served, serve, until
from servers.sink import Sink, sink

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    folder = tmp_path_factory.mktemp("connections") / "data"
    with serve(folder, credential_encryption_key=key) as running:
        yield running


@pytest.fixture
def api() -> Iterator[Sink]:
    """An API that shows what it was sent."""
    with sink() as made:
        yield made


def record(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=name)


def test_an_api_and_its_token_are_connected_tried_and_the_token_replaced(
    visit: Visit, admin: Caller, api: Sink
) -> None:
    page = visit().open("/connections")
    page.get_by_role("button", name="Add a credential").click()
    sheet = page.get_by_role("dialog", name="Add a credential")
    sheet.get_by_label("Name", exact=True).fill("forge-token")
    expect(sheet.get_by_label("Password", exact=True)).to_be_visible()
    sheet.get_by_label("Kind").select_option("token")
    expect(sheet.get_by_label("Password", exact=True)).to_be_hidden()
    sheet.get_by_label("Kept by").select_option("vault")
    expect(sheet.get_by_label("Token", exact=True)).to_be_hidden()
    sheet.get_by_label("Kept by").select_option("store")
    sheet.get_by_label("Token", exact=True).fill("first-secret-value")
    sheet.get_by_role("button", name="Keep it").click()
    kept = page.get_by_role("list", name="Credentials").get_by_role("listitem").filter(has_text="forge-token")
    expect(kept).to_contain_text("never used")

    page.get_by_role("button", name="Connect something").click()
    sheet = page.get_by_role("dialog", name="Connect something")
    sheet.get_by_label("Name", exact=True).fill("forge")
    sheet.get_by_label("What it is").select_option("http")
    sheet.get_by_label("Address").fill(api.url)
    sheet.get_by_label("Account for changing").select_option("forge-token")
    sheet.get_by_label("Labels").fill("service forge")
    sheet.get_by_role("button", name="Connect it").click()
    expect(sheet.get_by_role("alert")).to_contain_text("is no name=value")
    sheet.get_by_label("Labels").fill("service=forge\nteam=build")
    sheet.get_by_label("Options").fill("allow_plain=true\nallow_private=true")
    sheet.get_by_role("button", name="Connect it").click()
    made = page.get_by_role("list", name="Connections").get_by_role("listitem").filter(has_text=api.url)
    expect(made).to_contain_text("service=forge")
    made.get_by_role("button", name="Test it").click()
    expect(made.get_by_role("status")).to_contain_text("works")
    assert b"first-secret-value" in str(api.got[-1].headers).encode()

    kept.get_by_role("button", name="New value").click()
    sheet = page.get_by_role("dialog", name="A new value for forge-token")
    expect(sheet.get_by_label("Token", exact=True)).to_have_value("")
    sheet.get_by_label("Token", exact=True).fill("second-secret-value")
    sheet.get_by_label("Token", exact=True).press("Enter")
    expect(kept).to_contain_text("version 2")
    made.get_by_role("button", name="Test it").click()
    until(lambda: "second-secret-value" in str(api.got[-1].headers), "the API is asked with the new value")
    expect(made.get_by_role("status")).to_contain_text("works")
    assert "secret-value" not in page.content()
    page.reload()
    assert "secret-value" not in page.content()

    made.get_by_role("button", name="Change").click()
    sheet = page.get_by_role("dialog", name="Change forge")
    expect(sheet.get_by_label("Labels")).to_have_value("service=forge\nteam=build")
    sheet.get_by_label("Environment").fill("staging")
    sheet.get_by_role("button", name="Change it").click()
    expect(made).to_contain_text("staging")
    found = admin.get_json("/api/v1/connections/forge")
    assert (found["version"], found["credential"], found["environment"]) == (2, "forge-token", "staging")
    kept.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("forge will not be reached")
    page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(kept).to_have_count(0)
    made.get_by_role("button", name="Remove").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(made).to_have_count(0)


def test_a_change_keeps_what_it_does_not_touch(visit: Visit, admin: Caller) -> None:
    body = {
        "reach": "host",
        "values": {"greeting": "hello\nb=c\n  deep", "path": "C:\\new"},
        "labels": {"service": "lamp"},
        "hosts": ["lamp.lan:80", "lamp2.lan"],
    }
    before = admin.json_of("PUT", "/api/v1/connections/lamp", body)
    page = visit(**PHONE).open("/connections")
    record(page, "service=lamp").get_by_role("button", name="Change").tap()
    sheet = page.get_by_role("dialog", name="Change lamp")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sheet.get_by_label("Environment").fill("lab")
    sheet.get_by_role("button", name="Change it").tap()
    expect(record(page, "service=lamp")).to_contain_text("lab")
    after = admin.get_json("/api/v1/connections/lamp")
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"environment", "version", "updatedAt"}


def test_who_may_only_look_changes_nothing_here(visit: Visit, admin: Caller) -> None:
    admin.json_of("PUT", "/api/v1/connections/kiln", {"reach": "host"})
    for role, offered in (("viewer", set()), ("operator", {"Test it"})):
        page = visit(role).open("/connections")
        expect(record(page, "kiln")).to_be_visible()
        shown = page.locator("#main").get_by_role("button").filter(visible=True)
        assert set(shown.all_inner_texts()) == offered
        expect(page.get_by_text("Credentials")).to_have_count(0)
