"""The demo's prober: checks one address from outside, and tells OpsAgent as an Alertmanager would."""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from opsagent.cli.demo.lifeline import when_parent_ends

ALERT = "ShopDown"
FAILED_CHECKS = 2  # in a row, before it fires
TIMEOUT_S = 2.0
NEVER = "0001-01-01T00:00:00Z"  # how Alertmanager writes "no end yet"

log = logging.getLogger("prober")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where to send alerts, and the secret to show there (none: without)."""

    url: str
    secret: str = ""


def fingerprint(labels: Mapping[str, str]) -> str:
    """The identity Alertmanager gives a set of labels: FNV-1a over the sorted names and values (prometheus/common)."""
    value = 14695981039346656037
    for name in sorted(labels):
        for byte in (*name.encode(), 0xFF, *labels[name].encode(), 0xFF):
            value = ((value ^ byte) * 1099511628211) % 2**64
    return f"{value:016x}"


def delivery(service: str, summary: str, *, starts_at: str, ends_at: str = "") -> dict[str, object]:
    """The body of an Alertmanager v4 webhook with one alert; resolved when `ends_at` is given.

    The outages of the demo follow each other within seconds and have nothing to do with each other: each has a label of
    its own, or all would reopen the first one's ticket.
    """
    labels = {"alertname": ALERT, "service": service, "severity": "critical", "outage": starts_at}
    annotations = {"summary": summary}
    status = "resolved" if ends_at else "firing"
    alert = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": starts_at,
        "endsAt": ends_at or NEVER,
        "generatorURL": "",
        "fingerprint": fingerprint(labels),
    }
    return {
        "receiver": "opsagent",
        "status": status,
        "alerts": [alert],
        "groupLabels": {"alertname": ALERT},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{ALERT}"}}',
        "truncatedAlerts": 0,
    }


def stamp() -> str:
    """Now, in the form of Alertmanager, to the millisecond."""
    nanoseconds = time.time_ns()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9))
    return f"{seconds}.{nanoseconds // 10**6 % 1000:03d}Z"


def request(method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> int:
    """One request; the status of the answer, 0 when there was none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_S)
    try:
        connection.request(method, parts.path or "/", body, dict(headers or {}))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def tell(hook: Hook, body: Mapping[str, object]) -> bool:
    """Post one delivery; whether it was taken."""
    headers = {"Content-Type": "application/json", "User-Agent": "Alertmanager/0.28.0"}
    if hook.secret:
        headers["Authorization"] = f"Bearer {hook.secret}"
    status = request("POST", hook.url, body=json.dumps(body).encode(), headers=headers)
    log.info("%s: told OpsAgent, it answered %d", body["status"], status)
    return 200 <= status < 300


class Prober:
    """Fires after `FAILED_CHECKS` failed checks in a row, once; resolves at the first good one. It knows no more."""

    def __init__(self, hook: Hook, service: str, url: str) -> None:
        self._hook, self._service, self._url = hook, service, url
        self._name = f"{service} {urlsplit(url).path}"
        self._failed = 0
        self._firing_since = ""

    def check(self) -> None:
        """Check once, and tell what has changed; what could not be told is told after the next check."""
        status = request("GET", self._url)
        if status == 200:
            self._failed = 0
            if self._firing_since and self._tell(f"{self._name} answers 200 again", ends_at=stamp()):
                self._firing_since = ""
            return
        self._failed += 1
        if self._failed >= FAILED_CHECKS and not self._firing_since:
            self._firing_since = stamp()
            said = f"answered {status}" if status else "did not answer"
            if not self._tell(f"{self._name} {said}, {self._failed} checks in a row"):
                self._firing_since = ""

    def _tell(self, summary: str, *, ends_at: str = "") -> bool:
        return tell(self._hook, delivery(self._service, summary, starts_at=self._firing_since, ends_at=ends_at))


def main() -> None:
    """Check until the parent is gone; with `--say`, send one alert with that summary, check nothing, and end."""
    parser = argparse.ArgumentParser(prog="prober", description=__doc__)
    parser.add_argument("--webhook", required=True)
    parser.add_argument("--secret-file", type=Path, help="a file with the secret alerts carry")
    parser.add_argument("--service", required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between checks")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--say", default="")
    options = parser.parse_args()
    logging.basicConfig(filename=options.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    secret = options.secret_file.read_text("utf-8").strip() if options.secret_file else ""
    hook = Hook(url=options.webhook, secret=secret)
    if options.say:
        raise SystemExit(0 if tell(hook, delivery(options.service, options.say, starts_at=stamp())) else 1)
    ended = threading.Event()
    when_parent_ends(ended.set)
    prober = Prober(hook, options.service, options.url)
    while not ended.wait(options.every):
        prober.check()


if __name__ == "__main__":
    main()
