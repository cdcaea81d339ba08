"""A page whose server cannot be heard: nothing is pressed then, nothing comes late, and no written word is lost."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, WebSocketRoute, expect

from browsers import PHONE, Visitor
from served import Caller, Shop

Visit = Callable[..., Visitor]
WORDS = "Not connected: nothing you press arrives. On the server: opsagent pause"


class Line:
    """Between a page and the server; it can be cut."""

    def __init__(self, page: Page) -> None:
        self._cut = False
        self._ends: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("/_nicegui_ws/"), self._came)

    def cut(self) -> None:
        self._cut = True
        for one in self._ends:
            one.close()

    def mend(self) -> None:
        self._cut = False

    def _came(self, socket: WebSocketRoute) -> None:
        if self._cut:
            socket.close()
        else:
            self._ends = [socket, socket.connect_to_server()]


def test_what_is_pressed_while_the_line_is_cut_is_never_done_and_the_page_says_so(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    run_id = shop.execute(admin)
    admin.question(run_id)
    someone = visit("approver", **PHONE)
    line = Line(someone.page)
    page = someone.open(f"/runs/{run_id}")
    approve, reject = (page.get_by_role("button", name=name) for name in ("Approve", "Reject"))
    expect(approve).to_be_visible()
    line.cut()
    said = page.get_by_text(WORDS)
    expect(said).to_be_in_viewport()
    assert said.bounding_box()["y"] == 0
    expect(page.get_by_text("Trying to reconnect")).to_be_hidden()
    page.get_by_label("Note").fill("written on the train")
    page.get_by_label("Note").blur()
    page.keyboard.press("a")
    approve.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop").evaluate("(one) => one.click()")
    line.mend()
    expect(said).to_have_count(0)
    reject.tap()
    status = page.locator("article").get_by_role("status")
    expect(status).to_contain_text("Refused by person:approver")
    expect(status).to_contain_text("written on the train")
    assert admin.get_json("/api/v1/control")["paused"] is False
    admin.run_once(run_id)


def test_a_sheet_stays_what_it_was_while_the_line_is_cut(visit: Visit, admin: Caller, shop: Shop) -> None:
    run_id = shop.execute(admin)
    admin.question(run_id)
    someone = visit("approver")
    line = Line(someone.page)
    page = someone.open(f"/runs/{run_id}")
    sheet = page.get_by_role("alertdialog")
    page.get_by_role("button", name="Cancel").click()
    expect(sheet).to_be_visible()
    line.cut()
    expect(page.get_by_text(WORDS)).to_be_visible()
    page.keyboard.press("Escape")
    sheet.get_by_role("button", name="Cancel the run").evaluate("(one) => one.click()")
    line.mend()
    expect(page.get_by_text(WORDS)).to_have_count(0)
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("r")
    expect(page.locator("article").get_by_role("status")).to_contain_text("Refused by person:approver")
    admin.run_once(run_id)
