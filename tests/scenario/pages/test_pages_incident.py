"""An incident watched from its alert to the repair: by mouse, by keyboard, on a phone, by two people at once."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from browsers import PHONE, Visitor
from served import Caller, Shop

Visit = Callable[..., Visitor]


def asked_about(page: Page, shop: Shop) -> Locator:
    return page.locator("article").filter(has_text=str(shop.healthy))


def fire(admin: Caller, shop: Shop) -> str:
    """The alert comes in; the run it makes."""
    came = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", shop.alerts(), status=202)
    return str(came["tickets"][0]["runId"])


def test_by_mouse_the_question_comes_by_itself_and_the_run_is_watched_to_its_end(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    page = visit("approver").open("/approvals")
    run_id = fire(admin, shop)
    card = asked_about(page, shop)
    expect(card).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(\d+\) Agent Dashboard"))
    words = card.inner_text()
    assert words.index("Writes") < words.index("The exact command") < words.index(f"touch {shop.healthy}")
    card.get_by_label("Note").fill("seen in the shop")
    card.get_by_role("button", name="Approve").click()
    expect(card.get_by_role("status")).to_contain_text("Approved by person:approver")
    expect(card.get_by_role("button", name="Approve")).to_be_hidden()
    card.get_by_role("link", name="Watch the run").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("Completed")
    expect(page.get_by_role("region", name="Result")).to_contain_text("Measured healthy")
    expect(page.get_by_role("list", name="Timeline")).to_contain_text("person:approver")
    assert shop.healthy.exists()
    assert admin.run_once(run_id)["verified"] == "yes"
    answered = [step["approval"] for step in admin.get_json(f"/api/v1/agent/{run_id}")["steps"] if step["approval"]]
    assert [one["notes"] for one in answered] == ["seen in the shop"]


def test_by_keyboard_alone(visit: Visit, admin: Caller, shop: Shop) -> None:
    run_id = fire(admin, shop)
    admin.question(run_id)
    page = visit("approver").open("/approvals")
    card = asked_about(page, shop)
    for _ in range(50):
        if "chosen" in (card.get_attribute("class") or ""):
            break
        before = page.locator(".chosen").get_attribute("id")
        page.keyboard.press("j")
        page.wait_for_function("(id) => document.querySelector('.chosen')?.id !== id", arg=before)
    page.keyboard.press("n")
    expect(card.get_by_label("Note")).to_be_focused()
    page.keyboard.type("a note with an a and an r answers nothing")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("r")
    expect(card.get_by_role("status")).to_contain_text("Refused by person:approver")
    expect(card.get_by_role("status")).to_contain_text("answers nothing")
    admin.run_once(run_id)
    assert not shop.healthy.exists()


def test_on_a_phone_nothing_is_wider_than_the_screen_and_a_tap_answers(visit: Visit, admin: Caller, shop: Shop) -> None:
    admin.question(fire(admin, shop))
    page = visit("approver", **PHONE).open("/approvals")
    card = asked_about(page, shop)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    card.get_by_role("button", name="Approve").tap()
    expect(card.get_by_role("status")).to_contain_text("Approved")


def test_two_people_see_each_others_answer_at_once_and_a_key_never_goes_to_another_question(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    admin.question(fire(admin, shop))
    ada, bob = (visit("approver").open("/approvals") for _ in range(2))
    asked_about(bob, shop).get_by_role("heading", name=re.compile("^On ")).click()
    asked_about(ada, shop).get_by_role("button", name="Approve").click()
    for page in (ada, bob):
        expect(asked_about(page, shop).get_by_role("status")).to_contain_text("Approved by person:approver")
    expect(asked_about(bob, shop)).to_have_class(re.compile("chosen"))
    bob.keyboard.press("a")
    expect(asked_about(bob, shop).get_by_role("status")).to_contain_text("Approved by person:approver")


def test_what_deletes_is_asked_twice(visit: Visit, admin: Caller, shop: Shop) -> None:
    shop.healthy.parent.joinpath("old").write_text("x")
    admin.json_of(
        "POST",
        "/api/v1/runbooks",
        {"text": shop.text(fix=f"rm {shop.folder}/old").replace(shop.runbook, f"{shop.runbook}-rm"), "path": "rm.md"},
        status=201,
    )
    body = {"runbook_id": f"{shop.runbook}-rm", "issue_description": "old file", "connection": shop.name}
    run_id = admin.json_of("POST", "/api/v1/agent/execute", body)["sessionId"]
    admin.question(run_id)
    page = visit("approver").open("/approvals")
    card = page.locator("article").filter(has_text=f"rm {shop.folder}")
    card.get_by_role("button", name="Approve").click()
    again = page.get_by_role("alertdialog")
    expect(again).to_contain_text("Deletes")
    page.keyboard.press("Escape")
    expect(again).to_be_hidden()
    assert admin.question(run_id)["status"] == "pending"
    card.get_by_role("button", name="Approve").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Approve").click()
    expect(card.get_by_role("status")).to_contain_text("Approved")
