"""Keys: they answer the question that was chosen by its reader, and no other one; under a sheet they do nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from browsers import Visitor
from served import MEND, Caller, Shop

Visit = Callable[..., Visitor]
TWO_STEPS = "touch {{connection.counter}}\n```\n\n```shell name=mend-more\n" + MEND


def of(shop: Shop, admin: Caller, fix: str) -> str:
    """A run of the shop's runbook that mends it like this; it asks."""
    admin.json_of("PUT", f"/api/v1/runbooks/{shop.runbook}", {"text": shop.text(fix)})
    run_id = shop.execute(admin)
    admin.question(run_id)
    return run_id


def asking(page: Page, words: str) -> Locator:
    return page.locator("article").filter(has=page.locator(".command", has_text=words))


def test_on_a_runs_page_a_key_never_answers_a_question_that_came_after_the_one_that_was_read(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    run_id = of(shop, admin, TWO_STEPS)
    page = visit("approver").open(f"/runs/{run_id}")
    expect(page.locator("article.chosen")).to_contain_text(f"touch {shop.folder}/counter")
    assert admin.approve(admin.question(run_id)).status_code == 200
    second = asking(page, f"touch {shop.healthy}")
    expect(second).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_text("This one is answered")).to_be_visible()
    assert admin.question(run_id)["command"] == f"touch {shop.healthy}"
    page.keyboard.press("j")
    expect(second).to_contain_class("chosen")
    page.keyboard.press("a")
    expect(second.get_by_role("status")).to_contain_text("Approved by person:approver")
    admin.run_once(run_id)


def test_a_question_that_comes_to_an_open_page_is_answered_by_no_key_before_it_is_chosen(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    state = shop.folder / "state"
    state.unlink()
    os.mkfifo(state)
    state.chmod(0o666)
    run_id = shop.execute(admin)  # it looks at the state, and asks once it has been told
    page = visit("approver").open(f"/runs/{run_id}")
    expect(page.locator(".events li").first).to_be_visible()  # it was drawn, without a question
    state.write_text("out of coffee\n")
    card = asking(page, f"touch {shop.healthy}")
    expect(card).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_text("No question is chosen")).to_be_visible()
    card.get_by_role("heading").first.click()
    page.keyboard.press("r")
    expect(card.get_by_role("status")).to_contain_text("Refused by person:approver")
    admin.run_once(run_id)


def test_no_key_acts_under_an_open_sheet(visit: Visit, admin: Caller, shop: Shop) -> None:
    run_id = of(shop, admin, f"rm {shop.folder}/state")
    page = visit("approver").open(f"/runs/{run_id}")
    again = page.get_by_role("alertdialog")
    expect(page.locator("article.chosen")).to_be_visible()
    page.keyboard.press("a")
    again.get_by_role("heading").first.click()
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    expect(again).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    again.get_by_role("heading").first.click()
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    expect(again).to_have_count(0)
    assert admin.question(run_id)["status"] == "pending"
    page.keyboard.press("r")
    expect(page.locator("article").get_by_role("status")).to_contain_text("Refused by person:approver")
    admin.run_once(run_id)


def test_a_sheet_about_what_somebody_else_has_answered_closes_and_says_so(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    run_id = of(shop, admin, f"rm {shop.folder}/state")
    page = visit("approver").open(f"/runs/{run_id}")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    assert admin.approve(admin.question(run_id), approve=False).status_code == 200
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(page.get_by_text("Somebody has answered this")).to_be_visible()
    admin.run_once(run_id)


def test_the_keys_work_with_the_focus_on_a_button_and_a_note_is_begun_and_left_by_keys(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    run_id = of(shop, admin, TWO_STEPS)
    page = visit("approver").open(f"/runs/{run_id}")
    first, second = asking(page, f"touch {shop.folder}/counter"), asking(page, f"touch {shop.healthy}")
    first.get_by_role("button", name="Reject").focus()
    page.keyboard.press("n")
    page.keyboard.type("are all agreed")  # at once: no letter of it is an answer
    expect(first.get_by_label("Note")).to_have_value("are all agreed")
    page.keyboard.press("Escape")
    expect(first.get_by_label("Note")).not_to_be_focused()
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("a")
    expect(first.get_by_role("status")).to_contain_text("are all agreed")
    second.get_by_role("button", name="Approve").focus()
    expect(second).to_contain_class("chosen")
    page.keyboard.press("Enter")
    expect(second.get_by_role("status")).to_contain_text("Approved by person:approver")
    admin.run_once(run_id)
