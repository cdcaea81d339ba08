"""What a Grafana posts, signed as it signs: a caller, where the others here are servers."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from servers.loopback import PLAIN

SECRET = "a grafana secret"


def signed(url: str, body: object, secret: str = SECRET) -> httpx.Response:
    """As Grafana posts it, with a timestamp."""
    raw, stamp = json.dumps(body).encode(), str(int(time.time()))
    signature = hmac.new(secret.encode(), f"{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    headers = {"X-Grafana-Alerting-Signature": signature, "X-Grafana-Alerting-Timestamp": stamp}
    address = f"{url}/api/v1/tickets/webhook/grafana"
    return httpx.post(address, content=raw, headers=headers, timeout=30, trust_env=False, verify=PLAIN)


def of_grafana(alerts: dict[str, Any]) -> dict[str, Any]:
    """Its form of an alert that an Alertmanager would post."""
    (one,) = alerts["alerts"]
    extras = {"valueString": "[ var='B' value=7 ]", "dashboardURL": "https://grafana.example.org/d/shop"}
    return {**alerts, "version": "1", "orgId": 1, "alerts": [one | extras]}
