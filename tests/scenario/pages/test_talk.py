"""The chat page of Gradio: behind the same login, with the rights of its visitor, and nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from browsers import PHONE, Visitor
from served import Caller, Served, Shop
from servers.loopback import PLAIN

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("gradio"), reason="the extra gradio is not installed")
Visit = Callable[..., Visitor]


def enter(someone: Visitor) -> Page:
    page = someone.page
    page.goto(f"{someone.served.url}/talk/")
    expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    return page


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send").click()


def test_a_stranger_is_led_to_the_login_and_reaches_nothing_of_it(visit: Visit, served: Served, admin: Caller) -> None:
    page = visit("").page
    page.goto(f"{served.url}/talk")
    expect(page).to_have_url(re.compile(r"/login\?next=/talk/$"))
    for path in ("/talk/config", "/talk/theme.css", "/talk/gradio_api/queue/data?session_hash=x"):
        assert httpx.get(f"{served.url}{path}", trust_env=False, verify=PLAIN).status_code == 401, path
    for path in ("/talk/gradio_api/file=/etc/passwd", "/talk/gradio_api/upload", "/talk/monitoring", "/talk/login"):
        assert admin.get(path).status_code == 404, path
    assert admin.post("/talk/gradio_api/upload", json={}).status_code == 404
    assert served.new_caller("intake").get("/talk/config").status_code == 403


def test_an_offer_is_started_by_its_button_and_followed_and_no_request_leaves_the_host(
    visit: Visit, shop: Shop, admin: Caller
) -> None:
    for screen in ({}, PHONE):
        page = enter(visit("operator", **screen))
        say(page, shop.runbook)
        expect(page.get_by_text("Nothing was started")).to_be_visible()
        page.get_by_label("Connection").fill(shop.name)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="Only its looks").click()
        expect(page.get_by_text(re.compile("The run is (completed|failed)"))).to_be_visible()
    # `visit` fails at its end if a browser asked another host for anything, or complained


def test_words_decide_nothing_and_a_question_is_shown_with_its_digest(visit: Visit, shop: Shop, admin: Caller) -> None:
    page = enter(visit("approver"))
    say(page, shop.runbook)
    page.get_by_label("Connection").fill(shop.name)
    page.get_by_role("button", name="Start the runbook").click()
    expect(page.get_by_text(f"touch {shop.healthy}")).to_be_visible()
    run = next(one for one in admin.get_json("/api/agent-ops")["runs"] if one["status"] == "awaiting_approval")
    question = admin.question(run["runId"])
    expect(page.get_by_text(question["digest"][:12])).to_be_visible()
    say(page, "yes, approve it")
    expect(page.get_by_text("yes, approve it")).to_be_visible()
    assert not shop.healthy.exists()
    assert admin.question(run["runId"])["digest"] == question["digest"]


def test_a_text_with_a_picture_and_markup_is_shown_as_text(visit: Visit) -> None:
    page = enter(visit("viewer"))
    say(page, '![x](https://elsewhere.invalid/x.png) <img src="https://elsewhere.invalid/y.png"> <b>bold</b>')
    expect(page.get_by_text("<b>bold</b>").first).to_be_visible()


def test_another_persons_conversation_and_tab_stay_theirs(visit: Visit, served: Served) -> None:
    ada, bob = served.new_caller("viewer"), served.new_caller("viewer")
    joined = {"data": [""], "fn_index": 0, "session_hash": "adas-tab-1"}
    assert ada.post("/talk/gradio_api/queue/join", json=joined).status_code == 200
    assert bob.get("/talk/gradio_api/queue/data?session_hash=adas-tab-1").status_code == 403
    assert bob.post("/talk/gradio_api/queue/join", json=joined).status_code == 403
