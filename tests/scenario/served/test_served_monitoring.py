"""Monitoring over the wire: a signed Grafana alert is mended after a person's yes, and its end closes nothing."""

from __future__ import annotations

from pathlib import Path

from served import Caller, serve, shop_in
from servers.grafana import SECRET, of_grafana, signed

HOOK = "/api/v1/tickets/webhook/"


def test_from_a_signed_alert_to_a_verified_fix(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, "espresso")
    with serve(tmp_path / "data", webhook_secret_grafana=SECRET) as served:
        admin: Caller = served.admin()
        shop.register(admin)
        admin.json_of("POST", "/api/v1/control/acting", {"on": True})
        assert signed(served.url, of_grafana(shop.alerts()), "another secret!!").status_code == 401
        (joined,) = signed(served.url, of_grafana(shop.alerts())).json()["tickets"]
        again = signed(served.url, of_grafana(shop.alerts())).json()["tickets"][0]
        assert (again["ticketId"], again["duplicate"]) == (joined["ticketId"], True)
        over = signed(served.url, of_grafana(shop.alerts(status="resolved"))).json()["tickets"][0]
        assert over["ticketId"] == joined["ticketId"]
        ticket = admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")
        assert (ticket["status"], ticket["firing"]) == ("open", False), "what Grafana says closes nothing"
        admin.approve(admin.question(joined["runId"]))
        assert admin.run_once(joined["runId"])["verified"] == "yes"
        assert shop.healthy.exists()
        assert admin.get_json(f"/api/v1/tickets/{joined['ticketId']}")["status"] == "resolved"


def test_a_mapping_is_mended_and_the_delivery_replayed_by_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "mappings"
    folder.mkdir()
    mapping = folder / "nightwatch.yaml"
    mapping.write_text(
        "source: nightwatch\nname: check\nstatus: {from: state, map: {good: resolved}}\nfingerprint: check"
    )
    given = {"intake_mappings_folder": folder, "webhook_secret_nightwatch": "a secret of it all"}
    with serve(tmp_path / "data", **given) as served:
        sender = served.caller("a secret of it all")
        refused = sender.post(f"{HOOK}nightwatch", json={"check": "disk", "state": "bad"})
        assert (refused.status_code, refused.json()["pointer"]) == (422, "items/0/status")
        (kept,) = served.cli("intake", "quarantine", "list")["deliveries"]
        assert served.cli("intake", "quarantine", "replay", kept["deliveryId"], code=2)
    mapping.write_text(mapping.read_text().replace("{good:", "{bad: firing, good:"))
    with serve(tmp_path / "data", **given) as served:
        taken = served.cli("intake", "quarantine", "replay", kept["deliveryId"])
        assert taken["tickets"][0]["created"]
        assert served.cli("intake", "quarantine", "list") == {"deliveries": []}
