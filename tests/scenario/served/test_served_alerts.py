"""Alertmanager's deliveries over HTTP: a problem is one ticket with one run, and only measuring closes it."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from served import Caller, Served, Shop, serve

WEBHOOK = "/api/v1/tickets/webhook/alertmanager"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "alertmanager"
STORM = 1000


def delivery(name: str) -> Any:
    """What a real Alertmanager has sent."""
    return json.loads((FIXTURES / f"alertmanager-{name}.json").read_text())


def test_a_real_delivery_is_a_ticket_with_a_run_and_the_same_again_changes_nothing(
    served: Served, admin: Caller
) -> None:
    alertmanager = served.caller()  # bound to loopback and without a secret, none is asked for
    firing = delivery("firing-HighErrorRate-2")
    (joined,) = alertmanager.json_of("POST", WEBHOOK, firing, status=202)["tickets"]
    assert (joined["created"], joined["duplicate"]) == (True, False)
    ticket = admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")
    assert (ticket["name"], ticket["severity"], ticket["firing"]) == ("HighErrorRate", "critical", True)
    assert ticket["fingerprint"] == firing["alerts"][0]["fingerprint"]
    assert ticket["runId"] == joined["runId"]
    run = admin.run_once(joined["runId"])
    assert (run["source"], run["ticketId"], run["hadEffect"]) == ("ticket", joined["ticketId"], False)

    (again,) = alertmanager.json_of("POST", WEBHOOK, firing, status=202)["tickets"]
    assert (again["ticketId"], again["runId"]) == (joined["ticketId"], joined["runId"])
    assert (again["created"], again["duplicate"]) == (False, True)
    same = [one for one in admin.every("/api/v1/tickets", "tickets") if one["fingerprint"] == ticket["fingerprint"]]
    assert [one["signals"] for one in same] == [1]
    assert [one["runId"] for one in admin.every("/api/agent-ops", "runs") if one["alert"] == "HighErrorRate"] == [
        run["runId"]
    ]

    before = admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")["status"]
    (over,) = alertmanager.json_of("POST", WEBHOOK, delivery("resolved-HighErrorRate-3"), status=202)["tickets"]
    assert over["ticketId"] == joined["ticketId"]
    after = admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")
    assert (after["firing"], after["status"], after["closedAt"]) == (False, before, None)
    assert before not in ("resolved", "closed")
    assert {one["status"] for one in after["latestSignals"]} == {"firing", "resolved"}


def test_an_alert_that_resolves_while_a_person_is_asked_closes_nothing(
    served: Served, admin: Caller, shop: Shop
) -> None:
    (joined,) = admin.json_of("POST", WEBHOOK, shop.alerts(), status=202)["tickets"]
    asked = admin.question(joined["runId"])
    assessed = admin.run(joined["runId"])["assessment"]
    assert (assessed["classification"], assessed["measured"]) == ("true_positive", True)
    admin.json_of("POST", WEBHOOK, shop.alerts(status="resolved"), status=202)
    ticket = admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")
    assert (ticket["firing"], ticket["status"]) == (False, "open")
    assert admin.run(joined["runId"])["status"] == "awaiting_approval"
    admin.approve(asked)
    assert admin.run_once(joined["runId"])["verified"] == "yes"
    assert admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")["status"] == "resolved"
    assert shop.healthy.exists()


def test_a_heartbeat_makes_no_ticket(admin: Caller) -> None:
    said = admin.json_of("POST", WEBHOOK, delivery("firing-PrometheusAlertmanagerE2eDeadManSwitch-4"), status=202)
    assert said == {"received": 0, "tickets": [], "words": "The alerting is alive."}


def test_a_wrong_alert_is_named_and_nothing_of_its_delivery_is_taken(admin: Caller, shop: Shop) -> None:
    two = shop.alerts()
    two["alerts"].append(two["alerts"][0] | {"startsAt": "yesterday"})
    said = admin.json_of("POST", WEBHOOK, two, status=422)
    assert "/alerts/1/startsAt" in said["detail"]
    assert shop.alert not in [one["name"] for one in admin.every("/api/v1/tickets", "tickets")]


def test_a_new_installation_suggests_and_touches_nothing(tmp_path: Path, new_shop: Any) -> None:
    shop: Shop = new_shop()
    with serve(tmp_path / "data") as served:
        admin = served.admin()
        shop.register(admin)
        (joined,) = admin.json_of("POST", WEBHOOK, shop.alerts(), status=202)["tickets"]
        run = admin.run_once(joined["runId"])
        assert run["hadEffect"] is False
        assert f"touch {shop.healthy}" in run["result"]["summary"]
        assert not shop.healthy.exists()
        assert admin.get_json("/api/v1/agent/pending-approvals")["approvals"] == []
        assert admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")["status"] == "escalated"


def test_a_source_with_a_secret_must_bring_it(tmp_path: Path, new_shop: Any) -> None:
    shop: Shop = new_shop()
    secret = hashlib.sha256(b"of the tests").hexdigest()
    with serve(tmp_path / "data", webhook_secret_alertmanager=secret) as served:
        nobody = served.caller()
        assert nobody.post(WEBHOOK, json=shop.alerts()).status_code == 401
        assert served.caller(secret[:-1] + "x").post(WEBHOOK, json=shop.alerts()).status_code == 401
        assert served.caller(secret).post(WEBHOOK, json=shop.alerts()).status_code == 202
        assert served.new_caller("intake").post(WEBHOOK, json=shop.alerts()).status_code == 202
        assert secret not in served.said()


def test_a_storm_is_stored_when_it_is_acknowledged(tmp_path: Path) -> None:
    one = delivery("firing-HighErrorRate-2")
    (alert,) = one["alerts"]
    one["alerts"] = [
        alert | {"labels": alert["labels"] | {"instance": f"host-{number}"}, "fingerprint": f"{number:016x}"}
        for number in range(STORM)
    ]
    with serve(tmp_path / "data") as served:
        begun = time.monotonic()
        said = served.caller().json_of("POST", WEBHOOK, one, status=202)
        print(f"{STORM} distinct alerts in one delivery were stored in {(time.monotonic() - begun) * 1000:.0f} ms")
        served.kill()
    with serve(tmp_path / "data", enabled="false") as again:
        assert said["received"] == STORM
        tickets = again.admin().every("/api/v1/tickets", "tickets")
        assert {one["ticketId"] for one in said["tickets"]} == {one["ticketId"] for one in tickets}
        assert len(tickets) == len({one["runId"] for one in tickets}) == 21  # 20, and one of all the others
        assert sum(one["signals"] for one in tickets) == sum(one["members"] for one in tickets) == STORM
