"""Home: how it has gone day by day, drawn, said and as a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from browsers import PHONE, Visitor
from served import Caller, Shop

Visit = Callable[..., Visitor]


def test_a_repair_is_drawn_and_told_to_whoever_sees_no_bars(visit: Visit, admin: Caller, shop: Shop) -> None:
    page = visit("viewer").open("/")
    expect(page.get_by_text("No ticket was looked at to its end yet.")).to_be_visible()
    began = (datetime.now(UTC) - timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    came = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", shop.alerts(starts=began), status=202)
    run_id = came["tickets"][0]["runId"]
    admin.approve(admin.question(run_id))
    assert admin.run_once(run_id)["verified"] == "yes"

    said = admin.get_json("/api/v1/triage/days", days=7)
    assert len(said["days"]) == 7
    assert (said["together"]["repaired"], said["together"]["fixed"]) == (1, 1.0)
    assert 119 < said["together"]["secondsToDetect"] < 180
    page = visit("viewer", **PHONE).open("/")
    drawn = page.get_by_role("img", name="Repaired by the agent: 100%")
    expect(drawn).to_be_visible()
    assert drawn.locator("rect.good").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    card = page.locator(".charts .card").filter(has_text="Time to detect")
    expect(card.locator(".figure")).to_contain_text("2 min")
    card.get_by_text("As a table").tap()
    expect(card.get_by_role("cell", name="2 min")).to_be_visible()


def test_the_most_urgent_stands_first_and_what_finds_no_room_is_a_link(visit: Visit, admin: Caller) -> None:
    runs = []
    for number in range(10):
        severity = "critical" if number == 0 else "low"
        body = {"title": f"{severity} {number}", "severity": severity, "name": f"Nobody{number}"}
        runs.append(admin.json_of("POST", "/api/v1/tickets/demo/ticket", body, status=201)["runId"])
    for run_id in runs:
        admin.run_once(run_id)
    page = visit("viewer").open("/")
    needs = page.get_by_role("list", name="What needs you now").get_by_role("listitem")
    expect(needs).to_have_count(8)
    expect(needs.first).to_contain_text("critical 0")
    page.get_by_role("link", name="All tickets that need a person").click()
    expect(page).to_have_url(re.compile("status=escalated"))
    expect(page.get_by_text("low 9")).to_be_visible()
