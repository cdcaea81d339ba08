"""Signing in and out, roles, the stop button, the switch, and what every page must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from browsers import PHONE, Visitor
from served import Caller, Served, Shop
from servers.loopback import PLAIN

Visit = Callable[..., Visitor]
PAGES = ("/", "/approvals", "/runs", "/chat", "/tickets", "/runbooks", "/drafts", "/connections", "/settings")
NOTED = """
  window.told = [];
  window.Notification = class extends Notification {
    constructor(title, about) { super(title, about); window.told.push(about.body); }
  };
"""


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Sign out").click()


def test_a_stranger_signs_in_with_a_key_and_comes_back_to_where_they_were_going(visit: Visit, served: Served) -> None:
    someone = visit("")
    page = someone.page
    page.goto(f"{served.url}/runs?status=failed")
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_text("Sign in with a key instead").click()
    page.get_by_label("Key").fill("opsa_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert [one for one in someone.complaints if "401" not in one] == []
    someone.complaints.clear()
    page.get_by_label("Key").fill((served.folder / "admin.key").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Agent Ops")
    expect(page).to_have_url(re.compile(r"/runs\?status=failed$"))
    sign_out(page)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto(f"{served.url}/runs")
    expect(page).to_have_url(re.compile("/login"))


@pytest.mark.parametrize(
    "target", ["//elsewhere.invalid/", "/\\elsewhere.invalid", "https://elsewhere.invalid/", "javascript:1"]
)
def test_signing_in_leads_to_no_other_site(visit: Visit, served: Served, target: str) -> None:
    page = visit("").page
    page.goto(f"{served.url}/login?next={httpx.QueryParams({'n': target})['n']}")
    page.get_by_text("Sign in with a key instead").click()
    page.get_by_label("Key").fill((served.folder / "admin.key").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    assert page.url == f"{served.url}/"


def test_who_is_invited_sets_a_password_once_and_signs_in_with_it(visit: Visit, served: Served, admin: Caller) -> None:
    made = admin.json_of("POST", "/api/v1/people", {"name": "Eve Ng", "login": "eve", "role": "operator"}, status=201)
    link = admin.json_of("POST", f"/api/v1/people/{made['personId']}/invitation", status=201)
    page = visit("").page
    page.goto(f"{served.url}{link['path']}")
    page.get_by_label("Choose a password").fill("a long enough one")
    page.get_by_label("The same once more").fill("another one, longer")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
    page.get_by_label("The same once more").fill("a long enough one")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_text("Eve Ng")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password", exact=True).fill("a long enough one")
    expect(page.get_by_role("button", name="Sign in")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")


def test_every_page_stands_for_a_viewer_at_both_sizes(visit: Visit, shop: Shop) -> None:
    for screen in ({}, PHONE):
        viewer = visit("viewer", **screen)
        for path in PAGES:
            page = viewer.open(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_role("alert")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page = viewer.open("/approvals")
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_a_page_that_is_not_there_says_so_and_the_api_still_speaks_problems(visit: Visit, admin: Caller) -> None:
    for path in ("/runs/no-such-run", "/tickets/no-such-run"):
        page = visit("operator").open(path)
        expect(page.get_by_role("alert")).to_contain_text("no-such-run")
        expect(page.locator("#main").get_by_role("button")).to_have_count(0)
    assert admin.get("/api/v1/nothing").json()["code"] == "no-route"
    assert admin.post("/api/v1/tickets", json={}).status_code == 405
    assert admin.get("/nothing").json()["code"] == "no-route"
    lost = visit("")
    assert lost.page.goto(f"{lost.served.url}/nothing").status == 404
    expect(lost.page.get_by_role("heading", name="No such page")).to_be_visible()
    expect(lost.page.get_by_role("link", name="Home")).to_have_attribute("href", "/")
    lost.complaints.clear()


def test_stop_is_one_press_seen_by_everybody_and_going_on_is_asked_again(visit: Visit, admin: Caller) -> None:
    ada, bob = visit("operator").open("/"), visit("viewer").open("/runs")
    ada.get_by_role("button", name="Stop").click()
    for page in (ada, bob):
        expect(page.get_by_text("Stopped. No effect starts")).to_be_visible()
    assert admin.get_json("/api/v1/control")["paused"] is True
    ada.get_by_role("button", name="Go on").click()
    ada.get_by_role("alertdialog").get_by_role("button", name="Go on").click()
    for page in (ada, bob):
        expect(page.get_by_text("Stopped. No effect starts")).to_be_hidden()
    assert admin.get_json("/api/v1/control")["paused"] is False


def test_what_is_confirmed_is_done_whatever_another_did_meanwhile(visit: Visit, admin: Caller) -> None:
    page = visit("admin").open("/")
    page.get_by_role("button", name="Acting").click()
    sheet = page.get_by_role("alertdialog")
    expect(sheet).to_contain_text("Only observe?")
    try:
        admin.json_of("POST", "/api/v1/control/acting", {"on": False})
        expect(page.locator(".switches")).to_contain_text("Observing")
        sheet.get_by_role("button", name="Observe").click()
        expect(sheet).to_be_hidden()
        expect(page.locator("button.switch")).to_be_enabled()
        assert admin.get_json("/api/v1/control")["acting"] is False
    finally:
        admin.json_of("POST", "/api/v1/control/acting", {"on": True})


def test_without_a_place_for_its_stream_a_page_stays_fresh(visit: Visit, served: Served, admin: Caller) -> None:
    with ExitStack() as held:
        headers = {"Authorization": f"Bearer {admin.key}", "Accept": "text/event-stream"}
        many = held.enter_context(httpx.Client(headers=headers, limits=httpx.Limits(), trust_env=False, verify=PLAIN))
        statuses = iter(lambda: held.enter_context(many.stream("GET", f"{served.url}/api/v1/live")).status_code, 429)
        assert set(statuses) == {200}, "every place is taken"
        page = visit("viewer").open("/runs")
        expect(page.locator(".switches")).to_contain_text("Acting")
        try:
            admin.json_of("POST", "/api/v1/control/acting", {"on": False})
            expect(page.locator(".switches")).to_contain_text("Observing")
        finally:
            admin.json_of("POST", "/api/v1/control/acting", {"on": True})


def test_who_may_not_turn_anything_sees_how_it_stands(visit: Visit, admin: Caller) -> None:
    page = visit("viewer").open("/")
    banner = page.locator("header.top")
    expect(banner.get_by_text("Acting", exact=True)).to_be_visible()
    expect(banner.get_by_role("button")).to_have_text(["☰"])
    admin.json_of("POST", "/api/v1/control/pause")
    expect(page.get_by_text("until an operator presses")).to_be_visible()
    admin.json_of("POST", "/api/v1/control/resume")
    expect(page.get_by_text("until an operator presses")).to_be_hidden()


def test_what_is_refused_is_said_in_words_however_it_was_sent(visit: Visit) -> None:
    page = visit("viewer").open("/settings")
    field = page.get_by_label("Command", exact=True)
    field.evaluate("(one) => { one.removeAttribute('maxlength'); }")
    field.fill("x" * 20_001)
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("20000")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_session_that_ends_elsewhere_leads_to_the_door(visit: Visit, served: Served) -> None:
    someone = visit("viewer")
    page = someone.open("/runs")
    other = someone.context.new_page()
    other.goto(f"{served.url}/")
    sign_out(other)
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page).to_have_url(re.compile("/login"))


def test_the_pages_socket_takes_no_foreign_origin_and_no_stranger(served: Served) -> None:
    address = f"{served.url.replace('http', 'ws', 1)}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for headers, status in (({"Origin": "http://elsewhere.invalid"}, 403), ({"Origin": served.url}, 401)):
        with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=headers, proxy=None):
            pass
        assert refused.value.response.status_code == status
    polled = httpx.get(f"{served.url}/_nicegui_ws/socket.io/?EIO=4&transport=polling", trust_env=False)
    assert polled.status_code == 404


def test_light_and_dark_are_remembered(visit: Visit) -> None:
    someone = visit("viewer", color_scheme="dark")
    page = someone.open("/")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Light or dark").click()
    page = someone.open("/runs")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("width", [1040, 1280])
def test_the_frame_is_one_row_on_a_desk(visit: Visit, width: int) -> None:
    page = visit("admin", viewport={"width": width, "height": 700}).open("/connections")
    expect(page.locator(".switches")).to_contain_text(re.compile("Acting|Observing"))
    assert page.locator(".top").bounding_box()["height"] < 64
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    current = page.get_by_role("navigation", name="Places").get_by_role("link", name="Connections")
    expect(current).to_be_in_viewport(ratio=1)


def test_on_a_phone_the_menu_signs_out(visit: Visit) -> None:
    page = visit("viewer", **PHONE).open("/runs")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("button", name="Sign out").tap()
    expect(page).to_have_url(re.compile("/login"))


def test_the_browser_tells_of_a_question_only_whoever_asked_for_it(visit: Visit, admin: Caller, shop: Shop) -> None:
    wishes, quiet = visit("approver"), visit("approver")
    for someone in (wishes, quiet):
        someone.context.grant_permissions(["notifications"])
        someone.context.add_init_script(NOTED)
        someone.open("/runs")
    page = wishes.page
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Tell me here").click()
    expect(page.get_by_role("button", name="Tell me here")).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.told = []")
    came = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", shop.alerts(), status=202)
    admin.question(came["tickets"][0]["runId"])
    page.wait_for_function("() => window.told.length > 0")
    assert all("wait" in one for one in page.evaluate("window.told"))
    expect(quiet.page).to_have_title(re.compile(r"^\(\d+\)"))
    assert quiet.page.evaluate("window.told") == []


def test_where_the_browser_refuses_the_menu_says_what_to_do(visit: Visit) -> None:
    page = visit("viewer").open("/")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Tell me here").click()
    expect(page.get_by_text("Allow notifications for it in the browser")).to_be_visible()
    expect(page.get_by_role("button", name="Tell me here")).to_have_attribute("aria-pressed", "false")


def new_key(page: Page, name: str) -> Locator:
    """The sheet that shows it once."""
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make it").click()
    return page.get_by_role("dialog", name="The new key")


def test_where_the_browser_gives_no_clipboard_the_text_is_selected_and_nothing_is_called_copied(visit: Visit) -> None:
    someone = visit()
    someone.by_plain_name()
    page = someone.open("/settings/keys")
    sheet = new_key(page, "by hand")
    sheet.get_by_role("button", name="Copy").click()
    expect(sheet.get_by_role("button", name="Select and copy it by hand")).to_be_visible()
    assert page.evaluate("getSelection().toString()") == sheet.locator("pre").inner_text()


def test_what_is_copied_is_in_the_clipboard(visit: Visit) -> None:
    someone = visit()
    someone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = someone.open("/settings/keys")
    sheet = new_key(page, "by the button")
    sheet.get_by_role("button", name="Copy").click()
    expect(sheet.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == sheet.locator("pre").inner_text()


def test_over_http_the_menu_says_that_notifications_need_https(visit: Visit) -> None:
    someone = visit("viewer")
    someone.by_plain_name()
    page = someone.open("/")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Tell me here").click()
    expect(page.get_by_text("only over https")).to_be_visible()


def test_places_that_are_drawn_anew_before_they_are_shown_break_nothing(visit: Visit, served: Served) -> None:
    page = visit("").page
    page.goto(f"{served.url}/login")
    page.evaluate("""async () => {
      const places = document.createElement("nav");
      places.className = "places";
      places.style.cssText = "display: block; width: 5rem; overflow-x: auto; white-space: nowrap";
      places.innerHTML = "<a aria-current=page>here</a>";
      document.body.append(places);
      await new Promise((done) => queueMicrotask(() => queueMicrotask(done)));
      places.innerHTML = "<a>a place of a long name</a> <a aria-current=page>here</a>";
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }""")
    page.wait_for_function("() => document.querySelector('.places').scrollLeft > 0")
