"""Tickets by hand: two that are one problem are merged, for good; a closed one is opened again."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from browsers import PHONE, Visitor
from served import Caller

Visit = Callable[..., Visitor]


def ticket(admin: Caller, title: str) -> str:
    body = {"title": title, "labels": {"service": title.split(maxsplit=1)[0]}}
    made = admin.json_of("POST", "/api/v1/tickets/demo/ticket", body, status=201)
    return str(made["ticketId"])


def test_two_tickets_are_made_one_and_the_page_leads_to_it(visit: Visit, admin: Caller) -> None:
    first, other = ticket(admin, "till is slow"), ticket(admin, "vault is slow")
    page = visit("operator", **PHONE).open(f"/tickets/{first}")
    page.get_by_role("button", name="Merge").tap()
    sheet = page.get_by_role("dialog", name="Merge this ticket")
    expect(sheet).to_contain_text("a merge is not taken back")
    choice = sheet.get_by_label("The ticket that goes on")
    (value,) = [one for one in choice.locator("option").all() if one.inner_text().startswith("vault is slow")]
    choice.select_option(value.get_attribute("value"))
    sheet.get_by_role("button", name="Merge for good").tap()
    expect(page).to_have_url(re.compile(f"/tickets/{other}$"))
    alerts = page.get_by_role("list", name="Alerts").get_by_role("listitem")
    expect(alerts).to_have_count(2)
    page.goto(page.url.replace(other, first))
    expect(page.get_by_role("link", name="open the ticket that goes on")).to_be_visible()
    expect(page.get_by_role("button", name="Reopen")).to_be_hidden()
    expect(page.get_by_role("button", name="Merge")).to_be_hidden()
    refused = admin.post(f"/api/v1/tickets/{first}/reopen", json={})
    assert refused.status_code == 409
    assert other in refused.json()["fix"]


def test_a_ticket_is_closed_and_opened_again_and_a_viewer_can_neither(visit: Visit, admin: Caller) -> None:
    one = ticket(admin, "press is loud")
    page = visit("operator").open(f"/tickets/{one}")
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("alertdialog").get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="Reopen").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Reopen").click()
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_visible()
    assert admin.get_json(f"/api/v1/tickets/{one}")["status"] == "open"
    history = page.get_by_role("list", name="History").get_by_role("listitem")
    expect(history).to_contain_text(["Reopened", "Closed"])
    expect(history.first).to_contain_text("person:operator")
    viewer = visit("viewer").open(f"/tickets/{one}")
    expect(viewer.get_by_role("heading", name="press is loud")).to_be_visible()
    expect(viewer.locator("#main").get_by_role("button").filter(visible=True)).to_have_count(0)
