"""Single sign-on from the login page, what a browser reads when it fails, and none of it where it is not set up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browsers import PHONE, Visitor, visitor
from served import Served, serve
from servers.oidc import Provider, provider

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def served(idp: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("sso") / "data", **idp.settings()) as running:
        yield running


def at_the_door(someone: Visitor, path: str) -> Page:
    page = someone.page
    page.goto(f"{someone.served.url}{path}")
    expect(page).to_have_url(re.compile("/login"))
    return page


def test_one_press_leads_to_the_provider_and_back_to_where_one_was_going(visit: Visit, idp: Provider) -> None:
    someone = visit("", **PHONE)
    page = at_the_door(someone, "/runs?status=failed")
    page.get_by_role("link", name="Single sign-on").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Agent Ops")
    expect(page).to_have_url(re.compile(r"/runs\?status=failed$"))
    provider_asked = [one for one in someone.complaints if idp.issuer in one]
    assert provider_asked == someone.complaints
    someone.complaints.clear()


def test_who_is_not_let_in_reads_what_happened_and_what_to_do(visit: Visit, idp: Provider) -> None:
    someone = visit("")
    page = at_the_door(someone, "/")
    idp.refuses = True
    try:
        page.get_by_role("link", name="Single sign-on").click()
        expect(page.get_by_role("alert")).to_contain_text("access_denied")
    finally:
        idp.refuses = False
    expect(page.get_by_role("heading", level=1)).to_contain_text("Nobody was signed in")
    assert page.evaluate("getComputedStyle(document.querySelector('.trouble')).borderRadius") != "0px", "it is styled"
    page.get_by_role("link", name="Sign in another way").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    assert all(idp.issuer in one or " 401 " in one or "401 (Unauthorized)" in one for one in someone.complaints)
    someone.complaints.clear()


def test_where_it_is_not_set_up_there_is_no_such_button(browser: Browser, tmp_path: Path) -> None:
    with serve(tmp_path / "data") as plain:
        someone = visitor(browser, plain)
        with someone.page.expect_response("**/api/v1/session/ways"):
            someone.page.goto(f"{plain.url}/login")
        expect(someone.page.get_by_role("link", name="Single sign-on")).to_have_count(0)
        assert plain.caller().get_json("/api/v1/session/ways")["singleSignOn"] is None
        someone.context.close()
        someone.is_content()
