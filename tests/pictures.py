"""`make screenshots`: every page in light, in dark and on a phone, of a server with something to show."""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from browsers import PHONE, Visitor, chromium, visitor
from served import Caller, Served, Shop, serve, shop_in
from taught import teach

SMALL = {"viewport": {"width": 1040, "height": 680}}
LOOKS = {
    "light": {**SMALL, "color_scheme": "light"},
    "dark": {**SMALL, "color_scheme": "dark"},
    "phone": {**PHONE, "color_scheme": "dark", "device_scale_factor": 1},
}


def main() -> int:
    """Write the pictures into the folder that is named."""
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as served:
        pages = filled(served, Path(folder))
        with chromium() as browser:
            for look, screen in LOOKS.items():
                someone = visitor(browser, served, (served.folder / "admin.key").read_text().strip(), **screen)
                for name, path in pages.items():
                    picture(someone, path, into / f"{name}-{look}.png")
                stranger = visitor(browser, served, **screen)
                stranger.page.goto(f"{served.url}/login")
                stranger.page.screenshot(path=into / f"login-{look}.png")
                for one in (someone, stranger):
                    one.context.close()
                    one.is_content()
    total = sum(one.stat().st_size for one in into.glob("*.png"))
    print(f"{len(list(into.glob('*.png')))} pictures, {total / 1e6:.2f} MB")
    return 0


@contextmanager
def house(folder: Path) -> Iterator[Served]:
    """A server that tells somebody and keeps secrets."""
    told = folder / "notifications.yaml"
    told.write_text(
        "addresses: {oncall: {channel: webhook, address: 'https://chat.example/oncall'}}\ntell: [{to: [oncall]}]\n"
    )
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    with serve(folder / "data", notifications_file=told, credential_encryption_key=key) as served:
        yield served


def picture(someone: Visitor, path: str, into: Path) -> None:
    page = someone.open(path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=into)


def filled(served: Served, folder: Path) -> dict[str, str]:
    """A server on which something has happened; the pages worth a picture."""
    admin = served.admin()
    admin.json_of("POST", "/api/v1/control/acting", {"on": True})
    lamp, kiln, mill, forge = (shop_in(folder, name) for name in ("checkout", "payments", "search", "billing"))
    for shop in (lamp, kiln, mill, forge):
        shop.register(admin)
    run_id = lamp.execute(admin)
    admin.approve(admin.question(run_id))
    admin.run_once(run_id)
    refused = mill.execute(admin)
    admin.approve(admin.question(refused), approve=False, notes="the disk is being replaced")
    admin.run_once(refused)
    shipped(admin)
    began = (datetime.now(UTC) - timedelta(minutes=3)).isoformat().replace("+00:00", "Z")
    mended = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", forge.alerts(starts=began), status=202)
    admin.approve(admin.question(mended["tickets"][0]["runId"]))
    admin.run_once(mended["tickets"][0]["runId"])
    admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", kiln.alerts(), status=202)
    settled(admin)
    ticket = admin.get_json("/api/v1/tickets")["tickets"][0]
    admin.question(ticket["runId"])
    learned = lamp.text().replace(f"id: {lamp.runbook}", "id: checkout-slow").replace(lamp.alert, "CheckoutSlow")
    names = {"runbook_id": "checkout-slow", "title": "The checkout is slow", "connection": lamp.name}
    teach(served.folder, learned, run_id=run_id, **names)
    return {
        "home": "/",
        "approvals": "/approvals",
        "runs": "/runs",
        "run": f"/runs/{run_id}",
        "tickets": "/tickets",
        "ticket": f"/tickets/{ticket['ticketId']}",
        "chat": f"/chat/{talked(admin, kiln)}",
        "runbooks": "/runbooks",
        "editor": f"/editor?runbook={lamp.runbook}",
        "coverage": "/coverage",
        "drafts": "/drafts",
        "draft": f"/drafts/{run_id}",
        "runbook": f"/runbooks/{lamp.runbook}",
        "connections": "/connections",
        "settings": "/settings",
        "people": "/settings/people",
        "keys": "/settings/keys",
        "channels": "/settings/channels",
        "silences": "/settings/quiet",
    }


def talked(admin: Caller, shop: Shop) -> str:
    """A conversation in which a run is watched; its id."""
    path = "/api/v1/conversations"
    talk = str(admin.json_of("POST", path, status=201)["conversationId"])
    offer = admin.json_of("POST", f"{path}/{talk}/messages", {"text": shop.runbook})["reply"]
    body = {"line": offer["number"], "connection": shop.name, "onlyLooks": True}
    admin.run_once(admin.json_of("POST", f"{path}/{talk}/start", body, status=202)["runId"])
    return talk


def settled(admin: Caller) -> None:
    """People, keys, secrets and quiet times."""
    for login, role in (("grace@example.com", "approver"), ("linus@example.com", "operator")):
        made = admin.json_of("POST", "/api/v1/people", {"login": login, "role": role}, status=201)
        admin.json_of("POST", f"/api/v1/people/{made['personId']}/invitation", status=201)
    admin.json_of("POST", "/api/v1/keys", {"name": "alertmanager", "role": "intake"}, status=201)
    silence = {"matchers": ["service=batch"], "comment": "the nightly import", "durationSeconds": 7200}
    admin.json_of("POST", "/api/v1/silences", silence, status=201)
    window = {
        "cron": "0 2 * * SUN",
        "timezone": "Europe/Berlin",
        "durationSeconds": 7200,
        "matchers": ["service=search"],
        "comment": "the index is built anew",
        "freeze": True,
        "environments": ["prod"],
    }
    admin.json_of("PUT", "/api/v1/maintenance/sunday", window)
    secret = {"kind": "token", "values": {"token": "shown nowhere"}}
    admin.json_of("PUT", "/api/v1/credentials/forge-token", secret)


def shipped(admin: Caller) -> None:
    """The commonest way to have something to read."""
    admin.json_of("POST", "/api/v1/trigger/api", {"task_description": "disk is filling up", "mode": "fast"}, status=202)


if __name__ == "__main__":
    sys.exit(main())
