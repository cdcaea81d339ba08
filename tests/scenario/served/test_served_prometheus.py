"""From a real Prometheus over a real Alertmanager to a verified fix, and back to silence."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from served import Served, serve, until
from servers.monitoring import alertmanager, prometheus
from servers.sink import sink

SECRET = "a bearer secret that only the tests know"
RULES = """
groups:
  - name: shop
    rules:
      - alert: ShopDown
        expr: shop_up == 0
        labels: {severity: critical, service: shop}
        annotations: {summary: 'The shop at {{ $labels.instance }} is down'}
"""
RUNBOOK = """---
id: shop-down
title: The shop is down
alerts: [ShopDown]
measures:
  ShopDown:
    run: curl -fsS {{connection.metrics}}
    expect: '/^shop_up 1$/'
    every: 100ms
    for: 300ms
---
## Diagnosis

```shell name=look
curl -fsS {{connection.metrics}}
```

## Mitigation

The shop looks for this file; without it it stays closed.

```shell name=mend
touch {{connection.healthy}}
```
"""


def tickets_of(served: Served) -> list[dict[str, Any]]:
    with served.admin() as caller:
        return caller.every("/api/v1/tickets", "tickets")


def alerts_at(url: str) -> list[dict[str, Any]]:
    """What Prometheus says is firing."""
    found: list[dict[str, Any]] = httpx.get(f"{url}/api/v1/alerts", trust_env=False).json()["data"]["alerts"]
    return [one for one in found if one["state"] == "firing"]


def test_what_prometheus_sees_is_measured_asked_mended_and_seen_to_be_well(tmp_path: Path) -> None:
    healthy = tmp_path / "healthy"
    with (
        sink(page=lambda: f"shop_up {int(healthy.exists())}\n") as target,
        serve(tmp_path / "data", webhook_secret_alertmanager=SECRET) as served,
    ):
        admin = served.admin()
        host = target.url.removeprefix("http://").rstrip("/")
        values = {"healthy": str(healthy), "metrics": f"{target.url}metrics"}
        connection = {"reach": "host", "labels": {"service": "shop"}, "values": values, "hosts": [host]}
        admin.json_of("PUT", "/api/v1/connections/shop", connection)
        admin.json_of("POST", "/api/v1/runbooks", {"text": RUNBOOK}, status=201)
        admin.json_of("POST", "/api/v1/control/acting", {"on": True})
        webhook = f"{served.url}/api/v1/tickets/webhook/alertmanager"
        with (
            alertmanager(tmp_path / "alertmanager", webhook, SECRET) as manager,
            prometheus(tmp_path / "prometheus", target=host, alertmanager_url=manager, rules=RULES) as monitor,
        ):
            begun = time.monotonic()
            (ticket,) = until(lambda: tickets_of(served), "the alert has come in")
            detected = time.monotonic()
            assert (ticket["name"], ticket["firing"], ticket["severity"]) == ("ShopDown", True, "critical")
            assert ticket["title"] == f"The shop at {host} is down"
            asked = admin.question(ticket["runId"])
            assert asked["command"] == f"touch {healthy}"
            assert admin.run(ticket["runId"])["assessment"]["classification"] == "true_positive"
            assert not healthy.exists()
            assert admin.approve(asked).status_code == 200
            run = admin.run_once(ticket["runId"])
            mended = time.monotonic()
            assert (run["status"], run["verified"], run["hadEffect"]) == ("completed", "yes", True), run
            assert admin.get_json(f"/api/v1/tickets/{ticket['ticketId']}")["status"] == "resolved"
            until(lambda: not alerts_at(monitor), "Prometheus sees that it is well")
            until(lambda: not tickets_of(served)[0]["firing"], "Alertmanager has said that it is over")
            print(f"detected after {detected - begun:.1f} s, fixed {mended - detected:.1f} s later (approval included)")
            (ticket,) = tickets_of(served)
            assert ticket["status"] == "resolved"
