"""Agent Ops: found by words in the address; a run's question answered on its own page, in reach of the thumb."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from browsers import PHONE, Visitor
from served import Caller, Shop

Visit = Callable[..., Visitor]


def test_runs_are_found_by_words_and_the_list_can_be_sent(visit: Visit, admin: Caller, shop: Shop) -> None:
    run_id = shop.execute(admin)
    admin.question(run_id)
    page = visit("viewer").open("/runs?source=api")
    page.get_by_label("Search runs").fill(f"{shop.runbook.upper()} {shop.name} down")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"source=api&text="))
    rows = page.get_by_role("list", name="Runs").get_by_role("link")
    expect(rows).to_have_count(1)
    expect(rows).to_have_attribute("href", f"/runs/{run_id}")
    page.get_by_role("link", name="Asks", exact=True).click()
    expect(page).to_have_url(re.compile("status=awaiting_approval.*text="))
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page.get_by_text("No runs here.")).to_be_visible()
    expect(page.get_by_label("Search runs")).to_have_value(f"{shop.runbook.upper()} {shop.name} down")


def test_on_a_phone_the_answers_stay_at_the_bottom_of_the_run(visit: Visit, admin: Caller, shop: Shop) -> None:
    run_id = shop.execute(admin)
    admin.question(run_id)
    page = visit("approver", **PHONE).open(f"/runs/{run_id}")
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_in_viewport(ratio=1)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    approve.tap()
    expect(page.get_by_role("listitem").filter(has_text="Approved by person:approver").first).to_be_visible()
    expect(page.get_by_role("region", name="Result")).to_contain_text("Completed")
    assert shop.healthy.exists()


def test_by_keyboard_the_question_of_a_run_is_refused_on_its_page(visit: Visit, admin: Caller, shop: Shop) -> None:
    run_id = shop.execute(admin)
    admin.question(run_id)
    page = visit("approver").open(f"/runs/{run_id}")
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator("article").get_by_role("status")).to_contain_text("Refused by person:approver")
    admin.run_once(run_id)
    assert not shop.healthy.exists()


def test_a_viewer_sees_what_is_asked_and_cannot_answer(visit: Visit, admin: Caller, shop: Shop) -> None:
    run_id = shop.execute(admin)
    admin.question(run_id)
    page = visit("viewer").open(f"/runs/{run_id}")
    expect(page.locator("article")).to_contain_text(f"touch {shop.healthy}")
    expect(page.locator("article")).to_contain_text("does not carry approving")
    for name in ("Approve", "Reject", "Cancel"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_while_something_is_down_the_command_that_asks_is_the_one_that_is_open(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    came = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", shop.alerts(), status=202)
    run_id = came["tickets"][0]["runId"]
    admin.question(run_id)
    page = visit("viewer").open(f"/runs/{run_id}")
    steps = page.get_by_role("list", name="Commands").locator("details.step")
    expect(steps.first.locator("summary")).to_contain_text("Not healthy")
    opened = page.get_by_role("list", name="Commands").locator("details.step[open]")
    expect(opened).to_have_count(1)
    expect(opened.locator("summary")).to_contain_text("mend")
