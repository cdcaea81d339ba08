"""Settings: people, keys, who is told, silences, windows and freezes; by whom they are changed, and by whom not."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from browsers import PHONE, Visitor
from served import Caller, Served, serve
from servers.sink import Sink, sink

Visit = Callable[..., Visitor]
PARTS = ("/settings", "/settings/people", "/settings/keys", "/settings/channels", "/settings/quiet")


@pytest.fixture(scope="module")
def room() -> Iterator[Sink]:
    """Where people are told."""
    with sink() as made:
        yield made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, room: Sink) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("settings")
    told = folder / "notifications.yaml"
    told.write_text(f"addresses: {{room: {{channel: webhook, address: '{room.url}'}}}}\ntell: [{{to: [room]}}]\n")
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    with serve(
        folder / "data", notifications_file=told, private_callback_hosts="127.0.0.1", credential_encryption_key=key
    ) as running:
        yield running


def record(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=name)


def secret(page: Page) -> str:
    """What is shown once; then it is closed, and is nowhere on the page."""
    shown = page.get_by_role("dialog").last.locator("pre")
    expect(shown).to_be_visible()
    words = shown.inner_text()
    page.get_by_role("button", name="I have it").click()
    expect(page.get_by_role("button", name="I have it")).to_have_count(0)
    assert words not in page.content()
    return words


def test_a_person_is_added_invited_given_a_role_and_kept_out(visit: Visit, served: Served, admin: Caller) -> None:
    page = visit().open("/settings/people")
    page.get_by_role("button", name="Add a person").click()
    sheet = page.get_by_role("dialog", name="Add a person")
    sheet.get_by_label("What they type to sign in").fill("grace@example.com")
    sheet.get_by_label("Name in the record").fill("Grace")
    sheet.get_by_label("Role").select_option("operator")
    sheet.get_by_label("Name in the record").press("Enter")
    link = secret(page)
    assert link.startswith(f"{served.url}/invitation#")

    invited = visit("").page
    invited.goto(link)
    invited.get_by_label("Choose a password").fill("a long enough one")
    invited.get_by_label("The same once more").fill("a long enough one")
    invited.get_by_role("button", name="Set it").click()
    expect(invited.get_by_role("heading", level=1)).to_have_text("Home")
    invited.goto(f"{served.url}/settings/people")
    expect(invited.get_by_text("This is for admins.")).to_be_visible()

    grace = record(page, "Grace")
    grace.get_by_role("button", name="Give a role").click()
    page.get_by_role("dialog").get_by_label("Role").select_option("approver")
    page.get_by_role("button", name="Give it").click()
    expect(grace).to_contain_text("approver")
    grace.get_by_role("button", name="End sessions").click()
    page.get_by_role("alertdialog").get_by_role("button", name="End them").click()
    expect(invited).to_have_url(re.compile("/login"))
    grace.get_by_role("button", name="Keep out").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Keep out").click()
    expect(grace).to_contain_text("Kept out")
    expect(grace.get_by_role("button", name="Invite")).to_be_hidden()
    (one,) = [who for who in admin.get_json("/api/v1/people")["people"] if who["name"] == "Grace"]
    assert (one["role"], one["state"]) == ("approver", "disabled")
    grace.get_by_role("button", name="Let in again").click()
    expect(grace.get_by_role("button", name="Keep out")).to_be_visible()


def test_what_is_refused_is_said_in_the_sheet_and_what_was_typed_stays(visit: Visit, admin: Caller) -> None:
    admin.json_of("POST", "/api/v1/people", {"login": "lin", "role": "viewer"}, status=201)
    someone = visit()
    page = someone.open("/settings/people")
    page.get_by_role("button", name="Add a person").click()
    page.get_by_label("What they type to sign in").fill("lin")
    page.get_by_role("button", name="Add and invite").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("lin")
    expect(page.get_by_label("What they type to sign in")).to_have_value("lin")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_key_is_shown_once_works_and_is_revoked(visit: Visit, served: Served) -> None:
    page = visit(**PHONE).open("/settings/keys")
    page.get_by_role("button", name="Make a key").tap()
    sheet = page.get_by_role("dialog", name="Make a key")
    sheet.get_by_label("Name").fill("alertmanager")
    sheet.get_by_label("Role").select_option("operator")
    sheet.get_by_role("button", name="Make it").tap()
    key = secret(page)
    asked = httpx.get(f"{served.url}/api/agent-ops", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
    assert asked.status_code == 200
    made = record(page, "alertmanager")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    made.get_by_role("button", name="Revoke").tap()
    page.get_by_role("alertdialog").get_by_role("button", name="Revoke").tap()
    expect(made).to_contain_text("Revoked")
    expect(made.get_by_role("button", name="Revoke")).to_be_hidden()
    asked = httpx.get(f"{served.url}/api/agent-ops", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
    assert asked.status_code == 401


def test_a_test_is_sent_and_the_page_says_that_it_arrived(visit: Visit, room: Sink) -> None:
    page = visit().open("/settings/channels")
    page.get_by_role("button", name="Send a test: webhook").click()
    expect(record(page, "room").get_by_role("status")).to_contain_text("has arrived")
    assert room.got
    expect(page.get_by_role("list", name="Lately sent")).to_contain_text("Arrived")


def test_a_silence_holds_from_the_page_on_and_is_ended_by_it(visit: Visit, admin: Caller) -> None:
    page = visit("operator").open("/settings/quiet")
    page.get_by_role("button", name="Silence something").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("What", exact=True)).to_be_focused()
    page.keyboard.type("service=kiosk")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("the fan is being replaced")
    page.keyboard.press("Enter")
    made = record(page, "the fan is being replaced")
    expect(made).to_contain_text('service="kiosk"')
    (one,) = admin.get_json("/api/v1/silences")["silences"]
    assert one["active"] is True
    made.get_by_role("button", name="End it").click()
    page.get_by_role("alertdialog").get_by_role("button", name="End it").click()
    expect(page.get_by_text("Nothing is silenced.")).to_be_visible()
    assert admin.get_json("/api/v1/silences")["silences"] == []


def test_a_window_is_added_changed_and_removed(visit: Visit, admin: Caller) -> None:
    page = visit("operator", timezone_id="Europe/Berlin", viewport={"width": 1280, "height": 860}).open(
        "/settings/quiet"
    )
    page.get_by_role("button", name="Add a window").click()
    page.get_by_label("Name").fill("sunday")
    page.get_by_label("Begins").fill("0 2 * * SUN")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    page.get_by_label("What is silenced").fill("service=shop\nseverity!=critical")
    page.get_by_label("Change nothing meanwhile").check()
    page.get_by_role("button", name="Add it").click()
    made = record(page, "sunday")
    expect(made).to_contain_text("nothing is changed in any environment")
    made.get_by_role("button", name="Change").click()
    page.get_by_label("For", exact=True).select_option("3600")
    page.get_by_label("Environments").fill("prod")
    page.get_by_role("button", name="Change it").click()
    expect(made).to_contain_text("nothing is changed in prod")
    (one,) = admin.get_json("/api/v1/maintenance")["windows"]
    assert (one["durationSeconds"], one["timezone"], one["freeze"]) == (3600, "Europe/Berlin", True)
    assert one["matchers"] == ['service="shop"', 'severity!="critical"']
    made.get_by_role("button", name="Remove").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No maintenance windows.")).to_be_visible()


def test_a_freeze_is_set_and_lifted(visit: Visit, admin: Caller) -> None:
    page = visit("operator").open("/settings/quiet")
    page.get_by_role("button", name="Freeze", exact=True).click()
    page.get_by_label("Why").fill("the audit")
    page.get_by_role("dialog").get_by_role("button", name="Freeze").click()
    made = record(page, "the audit")
    expect(made).to_contain_text("everywhere")
    assert len(admin.get_json("/api/v1/freezes")["freezes"]) == 1
    made.get_by_role("button", name="Lift it").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Lift it").click()
    expect(page.get_by_text("No freeze.")).to_be_visible()


def test_a_viewer_sees_no_way_to_change_and_no_people(visit: Visit, admin: Caller) -> None:
    body = {"matchers": ["a=b"], "comment": "left alone", "durationSeconds": 600}
    silence = admin.json_of("POST", "/api/v1/silences", body, status=201)
    page = visit("viewer", **PHONE).open("/settings")
    links = page.get_by_role("navigation", name="Settings")
    expect(links.get_by_role("link")).to_have_text(["Policy", "Who is told", "Silences"])
    for path in PARTS:
        page.goto(f"{page.url.split('/settings')[0]}{path}")
        page.wait_for_function("() => window.did_handshake === true")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        names = page.locator("#main").get_by_role("button").all_inner_texts()
        assert set(names) <= {"Judge"}, path
    expect(page.get_by_text("left alone")).to_be_visible()
    admin.delete(f"/api/v1/silences/{silence['silenceId']}")
