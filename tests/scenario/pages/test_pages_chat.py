"""The chat page: asking, an offer that is started by a press, a run watched and answered where it was asked for."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from browsers import PHONE, Visitor
from served import Caller, Shop

Visit = Callable[..., Visitor]
CHAT = "/api/v1/conversations"


def say(page: Page, words: str) -> None:
    page.get_by_label("Message").fill(words)
    page.keyboard.press("Enter")


def start(page: Page, shop: Shop, how: str = "Start") -> None:
    """Have the shop's runbook offered, and start it."""
    say(page, shop.runbook)
    page.get_by_role("button", name="Choose a target").click()
    page.get_by_label("Target", exact=True).select_option(shop.name)
    page.get_by_role("button", name=how).click()


def test_a_question_is_answered_with_its_sources_and_the_talk_is_kept(visit: Visit, shop: Shop) -> None:
    page = visit("viewer").open("/chat")
    expect(page.get_by_text("No conversation yet.")).to_be_visible()
    say(page, f"what do we know about {shop.name}")
    expect(page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}$"))
    lines = page.get_by_role("log")
    expect(lines.locator("li.message")).to_contain_text(f"what do we know about {shop.name}")
    answer = lines.locator("li.answer")
    expect(answer).to_contain_text("No model is set up")
    expect(page.get_by_label("Message")).to_have_value("")
    source = answer.get_by_role("link", name=f"The {shop.name} is down")
    expect(source).to_have_attribute("href", f"/runbooks/{shop.runbook}")
    page.reload()
    expect(lines.locator("li.answer")).to_have_count(1)
    expect(page.get_by_role("complementary", name="Conversations")).to_contain_text(shop.name)


def test_a_task_becomes_a_run_that_is_watched_and_approved_in_the_chat(visit: Visit, shop: Shop) -> None:
    page = visit("approver").open("/chat")
    start(page, shop)
    card = page.locator("article").filter(has_text=str(shop.healthy))
    expect(page.locator(".run-here")).to_contain_text("Asks")
    expect(page.get_by_role("button", name="Start it again")).to_be_visible()
    say(page, "yes, approve it")
    expect(page.locator("li.message")).to_have_count(2)
    expect(page.locator("li.answer")).to_have_count(1)
    assert not shop.healthy.exists(), "words decide nothing"
    card.get_by_role("button", name="Approve").click()
    expect(card.get_by_role("status")).to_contain_text("Approved by person:approver")
    expect(page.locator(".run-here")).to_contain_text("Completed")
    expect(page.get_by_role("list", name="Timeline")).to_contain_text("person:approver")
    assert shop.healthy.exists()


def test_what_cannot_be_taken_back_is_asked_twice_in_the_chat_too(visit: Visit, admin: Caller, shop: Shop) -> None:
    (shop.folder / "old").write_text("x")
    text = shop.text(fix=f"rm {shop.folder}/old").replace(shop.runbook, f"{shop.runbook}-rm")
    admin.json_of("POST", "/api/v1/runbooks", {"text": text, "path": "rm.md"}, status=201)
    page = visit("approver").open("/chat")
    say(page, f"{shop.runbook}-rm")
    page.get_by_role("button", name="Choose a target").click()
    page.get_by_label("Target", exact=True).select_option(shop.name)
    page.get_by_role("button", name="Start").click()
    page.locator("article").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("Deletes")
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_be_hidden()
    assert (shop.folder / "old").exists()


def test_only_looking_asks_for_nothing(visit: Visit, shop: Shop) -> None:
    page = visit("operator").open("/chat")
    start(page, shop, "Only look")
    expect(page.locator(".run-here")).to_contain_text("Completed")
    expect(page.locator("article")).to_have_count(0)
    assert not shop.healthy.exists()


def test_roles_see_what_they_may(visit: Visit, shop: Shop) -> None:
    page = visit("viewer").open("/chat")
    say(page, shop.runbook)
    expect(page.get_by_text("Starting it needs the role operator")).to_be_visible()
    expect(page.get_by_role("button", name="Choose a target")).to_have_count(0)
    expect(page.get_by_role("navigation", name="Whose")).to_have_count(0)
    operator = visit("operator").open("/chat")
    start(operator, shop)
    expect(operator.locator("article")).to_contain_text("does not carry approving")
    expect(operator.get_by_role("button", name="Approve")).to_have_count(0)


def test_an_admin_reads_anothers_talk_and_cannot_write_in_it(visit: Visit, shop: Shop) -> None:
    page = visit("viewer").open("/chat")
    say(page, f"about {shop.name}")
    expect(page.locator("li.answer")).to_be_visible()
    admin = visit("admin").open("/chat?whose=everybody")
    admin.get_by_role("link", name=re.compile(f"about {shop.name}")).click()
    expect(admin.get_by_role("log")).to_contain_text("No model is set up")
    expect(admin.get_by_text("This conversation is of person:viewer")).to_be_visible()
    expect(admin.get_by_label("Message")).to_have_count(0)


def test_a_refusal_is_said_in_words_and_what_was_written_stays(visit: Visit, admin: Caller) -> None:
    someone = visit("admin")
    page = someone.open("/chat")
    say(page, "xyzzy")
    expect(page.locator("li.answer")).to_contain_text("Nothing here speaks of that")
    admin.json_of("DELETE", f"{CHAT}/{page.url.rpartition('/')[2]}", status=204)
    page.get_by_label("Message").fill("is anybody there")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no conversation")
    expect(page.get_by_label("Message")).to_have_value("is anybody there")


def test_a_conversation_is_removed_after_a_second_look(visit: Visit) -> None:
    page = visit("viewer").open("/chat")
    say(page, "plugh")
    expect(page.locator("li.answer")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(page).to_have_url(re.compile("/chat$"))
    expect(page.get_by_text("No conversation yet.")).to_be_visible()


def test_on_a_phone_a_tap_sends_and_the_answers_are_in_reach(visit: Visit, shop: Shop) -> None:
    page = visit("approver", **PHONE).open("/chat")
    page.get_by_label("Message").fill(shop.runbook)
    page.get_by_role("button", name="Send").tap()
    page.get_by_role("button", name="Choose a target").tap()
    page.get_by_label("Target", exact=True).select_option(shop.name)
    page.get_by_role("button", name="Start").tap()
    approve = page.locator("article").get_by_role("button", name="Approve")
    expect(approve).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    approve.tap()
    expect(page.locator("article").get_by_role("status")).to_contain_text("Approved")
