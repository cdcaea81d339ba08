"""A page whose server cannot be heard: nothing is pressed then, nothing comes late, and no written word is lost."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, WebSocketRoute, expect

from browsers import PHONE, Visitor
from served import Caller, Shop

Visit = Callable[..., Visitor]
WORDS = "Not connected: nothing you press arrives. On the server: opsagent pause"
KEPT = 'Object.keys(sessionStorage).some((key) => key.startsWith("written "))'


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


def test_a_note_is_there_again_after_a_restart_and_goes_with_the_answer(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    run_id = shop.execute(admin)
    admin.question(run_id)
    page = visit("approver").open(f"/runs/{run_id}")
    page.get_by_label("Note", exact=True).fill("three sentences, written with care")
    page.reload()  # what the page does by itself when the server knows it no more
    expect(page.get_by_label("Note", exact=True)).to_have_value("three sentences, written with care")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("article").get_by_role("status")).to_contain_text("written with care")
    page.wait_for_function(f"() => !({KEPT})")
    admin.run_once(run_id)


def test_a_runbook_is_there_again_and_still_goes_only_over_the_version_it_was_begun_from(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    page = visit("operator").open(f"/editor?runbook={shop.runbook}")
    findings = page.get_by_role("region", name="Findings")
    expect(findings).to_contain_text("Understood")
    field = page.get_by_label("Text", exact=True)
    mine = shop.text().replace("What does it say", "Mine: what does it say").replace("id: ", "id : [")
    field.fill(mine)
    page.get_by_label("Why it changes").fill("because")
    page.on("dialog", lambda one: one.accept())
    theirs = shop.text().replace("What does it say", "Theirs: what does it say")
    admin.json_of("PUT", f"/api/v1/runbooks/{shop.runbook}", {"text": theirs})
    page.reload()
    expect(field).to_have_value(mine)
    expect(findings).to_contain_text("Cannot be stored")
    field.fill(shop.text().replace("What does it say", "Mine: what does it say"))
    expect(findings).to_contain_text("Understood")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="Nothing was stored")).to_be_visible()
    assert admin.get_json(f"/api/v1/runbooks/{shop.runbook}")["source"] == theirs
    page.get_by_role("link", name="Cancel").click()
    expect(page).to_have_url(re.compile(f"/runbooks/{shop.runbook}$"))
    assert not page.evaluate(KEPT)


def test_a_runbook_whose_version_the_page_does_not_tell_is_not_stored_over_any(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    page = visit("operator").open(f"/editor?runbook={shop.runbook}")
    expect(page.get_by_role("region", name="Findings")).to_contain_text("Understood")
    page.evaluate("""() => {
      const real = window.getHtmlElement;
      window.getHtmlElement = (id) => ({ value: real(id).value, dataset: { over: new Promise(() => {}) } });
    }""")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="Nothing was stored")).to_be_visible()
    assert len(admin.get_json(f"/api/v1/runbooks/{shop.runbook}/versions")["versions"]) == 1


def test_what_was_sent_is_not_kept_and_no_secret_ever_is(visit: Visit, admin: Caller, shop: Shop) -> None:
    page = visit().open("/connections")
    page.get_by_role("button", name="Add a credential").click()
    sheet = page.get_by_role("dialog")
    for field in sheet.locator("input:visible, textarea:visible").all():
        field.fill("hunter2")
    assert "hunter2" not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    page = visit("operator").open("/chat")
    page.get_by_label("Message").fill("what do we know about the shop")
    page.reload()
    expect(page.get_by_label("Message")).to_have_value("what do we know about the shop")
    page.get_by_role("button", name="Send").click()
    expect(page).to_have_url(re.compile("/chat/."))
    expect(page.get_by_role("log")).to_contain_text("what do we know about the shop")
    assert not page.evaluate(KEPT)
