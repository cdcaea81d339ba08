"""Runbooks on the pages: written with a live check, tried, compared, restored, switched off, covered, learned."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browsers import PHONE, Visitor
from served import Caller, Served, Shop
from taught import teach

Visit = Callable[..., Visitor]
AT = "/api/v1/runbooks"


def findings(page: Page):
    return page.get_by_role("region", name="Findings")


def change(page: Page, old: str, new: str) -> None:
    """What is typed is checked by itself."""
    area = page.get_by_label("Text")
    area.fill(area.input_value().replace(old, new))


def test_a_runbook_is_written_with_a_live_check_and_saved(visit: Visit, admin: Caller, shop: Shop) -> None:
    page = visit("operator").open(f"/runbooks/{shop.runbook}")
    page.get_by_role("link", name="Edit").click()
    expect(findings(page)).to_contain_text("Understood")
    change(page, f"alerts: [{shop.alert}]", "alerts: {")
    expect(findings(page)).to_contain_text("Cannot be stored as it is.")
    expect(findings(page)).to_contain_text(re.compile(rf"{shop.runbook}\.md:\d+"))
    page.get_by_role("button", name="Go to line").click()
    expect(page.get_by_label("Text")).to_be_focused()
    assert page.evaluate("getSelection().toString() || document.activeElement.selectionEnd > 0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was stored; your text is still here.")
    assert admin.get_json(f"{AT}/{shop.runbook}")["revision"] == 1
    change(page, "alerts: {", f"alerts: [{shop.alert}]")
    expect(findings(page)).to_contain_text("Understood")
    change(page, "out of coffee", "out of tea")
    change(page, "What does it say about itself?", "What does it say?")
    page.get_by_label("Why it changes").fill("shorter")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(f"/runbooks/{shop.runbook}$"))
    expect(page.get_by_role("list", name="Versions")).to_contain_text("shorter")
    found = admin.get_json(f"{AT}/{shop.runbook}")
    assert (found["revision"], "What does it say?" in found["source"]) == (2, True)


def test_what_a_colleague_stored_meanwhile_is_not_overwritten(visit: Visit, admin: Caller, shop: Shop) -> None:
    someone = visit("operator")
    page = someone.open(f"/editor?runbook={shop.runbook}")
    expect(findings(page)).to_contain_text("Understood")
    theirs = shop.text().replace("What does it say", "And what does it say")
    admin.json_of("PUT", f"{AT}/{shop.runbook}", {"text": theirs})
    change(page, "What does it say", "Mine: what does it say")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was stored")
    assert admin.get_json(f"{AT}/{shop.runbook}")["source"] == theirs
    assert "Mine: what" in page.get_by_label("Text").input_value()


def test_what_was_typed_is_not_lost_by_a_slip(visit: Visit, shop: Shop) -> None:
    page = visit("operator").open(f"/editor?runbook={shop.runbook}")
    expect(findings(page)).to_contain_text("Understood")
    asked: list[str] = []
    page.on("dialog", lambda one: (asked.append(one.type), one.dismiss()))
    change(page, "What does it say", "Mine: what does it say")
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Cancel").click(no_wait_after=True)
    assert asked == ["beforeunload"]
    assert "Mine: what" in page.get_by_label("Text").input_value()


def test_a_new_runbook_is_tried_before_it_is_stored(visit: Visit, admin: Caller, shop: Shop) -> None:
    page = visit("operator").open("/editor?alert=Flooded")
    expect(findings(page)).to_contain_text("For: Flooded")
    name = f"{shop.name}-flood"
    change(page, "id: what-is-wrong", f"id: {name}")
    change(page, "```shell name=look\nuptime", "```shell name=look\ncat {{connection.state}}")
    expect(findings(page)).to_contain_text(name)
    page.get_by_label("Target of the dry run").select_option(shop.name)
    page.get_by_role("button", name="Dry run").click()
    tried = page.get_by_role("region", name="Dry run").locator("li")
    expect(tried.first).to_contain_text("Allowed")
    tried.first.locator("summary").click()
    expect(tried.first).to_contain_text(f"cat {shop.folder}/state")
    assert name not in [one["runbookId"] for one in admin.get_json(AT)["runbooks"]]
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(f"/runbooks/{name}$"))


def test_versions_are_compared_by_an_address_and_an_older_one_is_restored(
    visit: Visit, admin: Caller, shop: Shop
) -> None:
    admin.json_of("PUT", f"{AT}/{shop.runbook}", {"text": shop.text(fix="touch elsewhere"), "note": "a mistake"})
    page = visit("operator").open(f"/runbooks/{shop.runbook}")
    page.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(re.compile(r"old=1&new=2"))
    expect(page.get_by_role("region", name="Difference").locator(".added").last).to_contain_text("+touch elsewhere")
    page.get_by_role("button", name="Restore version 1").click()
    sheet = page.get_by_role("alertdialog")
    expect(sheet.locator(".gone").last).to_contain_text("-touch elsewhere")
    sheet.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("list", name="Versions").get_by_role("listitem")).to_have_count(3)
    assert admin.get_json(f"{AT}/{shop.runbook}")["source"] == shop.text()


def test_it_is_tried_switched_off_and_on_and_deleted(visit: Visit, admin: Caller, shop: Shop) -> None:
    page = visit("operator").open(f"/runbooks/{shop.runbook}")
    page.get_by_label("Target of the dry run").select_option(shop.name)
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("region", name="Dry run").locator("li").filter(has_text="mend")).to_contain_text("Asks")
    assert not shop.healthy.exists()
    page.get_by_role("button", name="Switch it off").click()
    expect(page.get_by_role("button", name="Switch it on")).to_be_visible()
    assert admin.get_json(f"{AT}/{shop.runbook}")["enabled"] is False
    page.goto(f"{page.url.rpartition('/')[0]}")
    expect(page.get_by_role("link", name=re.compile(f"The {shop.name} is down"))).to_contain_text("Switched off")
    page.get_by_role("link", name=re.compile(f"The {shop.name} is down")).click()
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("button", name="Switch it off")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/runbooks$"))
    assert admin.get(f"{AT}/{shop.runbook}").status_code == 404


def test_coverage_of_alerts_from_a_file_and_from_what_was_pasted(visit: Visit, shop: Shop) -> None:
    rules = (
        "groups:\n- name: shop\n  rules:\n"
        f"  - alert: {shop.alert}\n    expr: up == 0\n    labels: {{severity: critical, service: {shop.name}}}\n"
        f"  - alert: {shop.alert}Nobody\n    expr: up == 1\n"
    )
    page = visit("operator").open("/coverage")
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no rule yet.")
    file = {"name": "shop.yml", "mimeType": "text/yaml", "buffer": rules.encode()}
    page.get_by_label("A rule file").set_input_files(files=[file])
    alerts = page.get_by_role("list", name="Alerts").get_by_role("listitem")
    expect(alerts).to_have_count(2)
    expect(alerts.filter(has_text=f"{shop.alert}Nobody")).to_contain_text("No runbook")
    expect(alerts.last).to_contain_text("shop.yml:4")
    expect(alerts.last.get_by_role("link")).to_have_attribute("href", f"/runbooks/{shop.runbook}")
    page.get_by_label("Alert rules").get_by_role("textbox").or_(page.locator("textarea")).first.fill("groups: {")
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("textarea").fill(rules)
    page.get_by_role("button", name="Report").click()
    alerts.filter(has_text=f"{shop.alert}Nobody").get_by_role("link", name="Write a runbook for it").click()
    expect(page.get_by_label("Text")).to_have_value(re.compile(re.escape(f"alerts: [{shop.alert}Nobody]")))


@pytest.mark.parametrize("answer", ["Merge", "Discard"])
def test_a_draft_is_looked_at_and_a_person_decides(
    visit: Visit, admin: Caller, served: Served, shop: Shop, answer: str
) -> None:
    name = f"{shop.name}-learned"
    text = shop.text().replace(f"id: {shop.runbook}", f"id: {name}").replace(shop.alert, f"{shop.alert}Again")
    teach(served.folder, text, runbook_id=name, title=f"{shop.name} learned", run_id=name, connection=shop.name)
    page = visit("operator").open("/drafts")
    page.get_by_role("link", name=re.compile(f"{shop.name} learned")).click()
    expect(page.get_by_text("The second step has no undo.")).to_be_visible()
    expect(findings(page)).to_contain_text("Understood")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("region", name="Dry run").locator("li").filter(has_text="mend")).to_contain_text("Asks")
    change(page, "Its mark is missing: set it.", "Set the mark.")
    page.get_by_role("button", name=answer).click()
    page.get_by_role("alertdialog").get_by_role("button", name=answer).click()
    expect(page).to_have_url(re.compile(f"/runbooks/{name}$" if answer == "Merge" else "/drafts$"))
    found = admin.get(f"{AT}/{name}")
    assert found.status_code == (200 if answer == "Merge" else 404)
    assert answer != "Merge" or "Set the mark." in found.json()["source"]
    status = "merged" if answer == "Merge" else "dismissed"
    assert name in [one["runId"] for one in admin.get_json("/api/v1/drafts", status=status)["drafts"]]


def test_a_viewer_reads_and_changes_nothing(visit: Visit, served: Served, shop: Shop) -> None:
    name = f"{shop.name}-read"
    teach(served.folder, shop.text(), runbook_id=name, title="To read", run_id=name)
    viewer = visit("viewer")
    page = viewer.open("/runbooks")
    for link in ("New runbook", "Coverage of alerts"):
        expect(page.get_by_role("link", name=link)).to_have_count(0)
    page = viewer.open(f"/runbooks/{shop.runbook}")
    expect(page.get_by_role("region", name="Text")).to_contain_text("Diagnosis")
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    for path in ("/editor", f"/editor?runbook={shop.runbook}", "/coverage"):
        page = viewer.open(path)
        expect(page.get_by_text("Runbooks are written by operators.")).to_be_visible()
    page = viewer.open(f"/drafts/{name}")
    expect(page.get_by_role("region", name="Text")).to_be_visible()
    for button in ("Merge", "Discard", "Save", "Dry run"):
        expect(page.get_by_role("button", name=button)).to_have_count(0)


def test_on_a_phone_every_page_of_runbooks_fits(visit: Visit, served: Served, shop: Shop) -> None:
    name = f"{shop.name}-phone"
    teach(served.folder, shop.text(), runbook_id=name, title="On a phone", run_id=name)
    someone = visit("operator", **PHONE)
    pages = ("/runbooks", f"/runbooks/{shop.runbook}", f"/editor?runbook={shop.runbook}", "/coverage", "/drafts")
    for path in (*pages, f"/drafts/{name}"):
        page = someone.open(path)
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page = someone.open(f"/editor?runbook={shop.runbook}")
    expect(page.get_by_role("button", name="Save")).to_be_in_viewport(ratio=1)
