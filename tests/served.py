"""A real `opsagent serve` in a process of its own, and callers over HTTP; what the served scenarios share."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from forked import Forked, opsagent
from servers.loopback import PLAIN

OPSAGENT = Path(sys.executable).with_name("opsagent")
WITHIN_S = 60.0
ENDED = frozenset({"completed", "failed", "cancelled"})
PARKED = ENDED | {"awaiting_approval"}
# Quick, and nothing of this machine: a test changes what it is about.
SETTINGS = {
    "host_reach": "true",
    "host_reach_tenants": "*",
    "measure_every_seconds": "0",
    "settle_seconds": "0",
    "cooldown_seconds": "0",
    "rate_limit_per_minute": "1000000",
    "log_level": "WARNING",
}

RUNBOOK = """---
id: %(id)s
title: The %(name)s is down
alerts: [%(alert)s]
labels: {service: %(name)s}
measures:
  %(alert)s: {run: "test -e {{connection.healthy}}", for: 100ms, every: 50ms}
---
# The %(name)s is down

## Diagnosis

What does it say about itself?

```shell name=look
cat {{connection.state}}
```

## Mitigation

Its mark is missing: set it.

```shell name=mend
%(fix)s
```

## Verify

```shell name=answers
test -e {{connection.healthy}}
```
"""
MEND = "touch {{connection.healthy}}"


def until(condition: Callable[[], Any], what: str, *, within_s: float = WITHIN_S) -> Any:
    """The first true answer of the condition, looking often; fails with `what` when there is none in time."""
    end = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)
    return answer


def _is_civil(response: httpx.Response) -> None:
    """Whoever is refused hears what happened and what to do; nobody ever sees a traceback."""
    if response.status_code < 400:
        return
    text = response.read().decode()
    assert "Traceback" not in text
    assert 'File "' not in text
    if response.request.url.path == "/readyz":
        return
    assert response.headers["content-type"] == "application/problem+json", text
    said = response.json()
    assert said["status"] == response.status_code
    assert said["detail"], said
    assert said["fix"], said


class Caller(httpx.Client):
    """Somebody with a key (or without). Every refusal they get is checked to be a problem document with a fix."""

    def __init__(self, url: str, key: str = "") -> None:
        self.key = key
        super().__init__(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=WITHIN_S,
            trust_env=False,
            verify=PLAIN,
            event_hooks={"response": [_is_civil]},
        )

    def json_of(self, method: str, path: str, body: object = None, *, status: int = 200, **headers: str) -> Any:
        """The answer's JSON; the status is as expected."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.request(method, path, json=body, headers=named)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def get_json(self, path: str, **query: str | int) -> Any:
        response = self.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get_json(f"/api/agent-ops/{run_id}")
        return found

    def run_once(self, run_id: str, statuses: frozenset[str] = ENDED, *, within_s: float = WITHIN_S) -> dict[str, Any]:
        """The run as soon as it has one of these statuses."""

        def there() -> dict[str, Any] | None:
            found = self.run(run_id)
            return found if found["status"] in statuses else None

        found: dict[str, Any] = until(there, f"run {run_id} is {' or '.join(sorted(statuses))}", within_s=within_s)
        return found

    def question(self, run_id: str) -> dict[str, Any]:
        """What the run asks people, as soon as it asks."""

        def asked() -> dict[str, Any] | None:
            pending = self.get_json("/api/v1/agent/pending-approvals")["approvals"]
            return next((one for one in pending if one["runId"] == run_id), None)

        found: dict[str, Any] = until(asked, f"run {run_id} asks; it is {self.run(run_id)}")
        return found

    def approve(self, asked: Mapping[str, Any], **changes: object) -> httpx.Response:
        """A person's yes to exactly what was shown."""
        return self.post(
            f"/api/v1/agent/{asked['sessionId']}/approve-step",
            params={"step_number": asked["stepNumber"]},
            json={"approve": True, "digest": asked["digest"], "notes": "seen"} | changes,
        )

    def every(self, path: str, name: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get_json(path, limit=200, cursor=cursor)
            found += page[name]
            cursor = page["nextCursor"]
            if not cursor:
                return found

    def watch(self, session_id: str) -> ClientConnection:
        """The session's socket, opened with this key."""
        address = f"{str(self.base_url).replace('http', 'ws', 1).rstrip('/')}/ws/approvals/{session_id}"
        return connect(address, additional_headers={"Authorization": f"Bearer {self.key}"}, proxy=None)


@dataclass
class Served:
    """One server on one data folder."""

    folder: Path
    process: Forked
    log: Path
    environment: Mapping[str, str]
    url: str = ""
    callers: list[Caller] = field(default_factory=list)

    def caller(self, key: str = "") -> Caller:
        caller = Caller(self.url, key)
        self.callers.append(caller)
        return caller

    def admin(self) -> Caller:
        """The holder of the folder's admin key, a person."""
        return self.caller((self.folder / "admin.key").read_text().strip())

    def new_caller(self, role: str, kind: str = "service", *, by: Caller | None = None) -> Caller:
        """Somebody with a fresh key of a role."""
        body = {"name": f"{role} {kind}", "role": role, "kind": kind}
        return self.caller((by or self.admin()).json_of("POST", "/api/v1/keys", body, status=201)["secret"])

    def cli(self, *arguments: str, code: int = 0) -> Any:
        """What a command of this folder says with --json."""
        done = subprocess.run(
            [OPSAGENT, *arguments, "--json", "--data-dir", self.folder],
            env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WITHIN_S,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def kill(self) -> None:
        """Pull the plug."""
        self.process.kill()
        self.process.wait()

    def stop(self, within_s: float = WITHIN_S) -> int:
        """Ask it to end; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def said(self) -> str:
        """All it has logged."""
        return self.log.read_text(errors="replace")


def environment(**settings: object) -> dict[str, str]:
    """The environment of a server: ours without settings of OpsAgent, with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSAGENT_")}
    given = SETTINGS | settings
    return kept | {f"OPSAGENT_{name.upper()}": str(value) for name, value in given.items()}


@contextmanager
def serve(folder: Path, **settings: object) -> Iterator[Served]:
    """A server that takes work. At the end it is told to stop, and its log must hold no traceback."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{folder.name}.log"
    # Not in pytest's folder: commands run as another user where we are root, and could not enter it.
    scratch = Path(tempfile.mkdtemp(prefix="opsagent-sandbox-"))
    scratch.chmod(0o711)
    environ = environment(sandbox_root=scratch / "runs", **settings)
    process = opsagent(["serve", "--port", "0", "--data-dir", str(folder)], environ, folder.parent, log)
    served = Served(folder=folder, process=process, log=log, environment=environ)
    try:
        until(lambda: _is_up(served), "the server is up")
        yield served
        if served.process.poll() is None:
            assert served.stop() == 0, served.said()
    finally:
        for caller in served.callers:
            caller.close()
        if served.process.poll() is None:
            served.kill()
        shutil.rmtree(scratch, ignore_errors=True)
    assert "Traceback" not in served.said(), served.said()
    assert "Could not cancel" not in served.said(), served.said()


def tried(folder: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    settings = {"sandbox_root": folder.parent / "sandbox"} | settings
    return subprocess.run(
        [OPSAGENT, "serve", "--data-dir", folder, *arguments],
        env=environment(**settings), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=WITHIN_S, cwd=folder.parent,
    )  # fmt: skip


def fix_of(done: subprocess.CompletedProcess[str]) -> str:
    """The fix it told; without a traceback."""
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("fix: ")]
    return line


def _is_up(served: Served) -> bool:
    assert served.process.poll() is None, served.said()
    try:
        about = json.loads((served.folder / "server.json").read_text())
    except (OSError, ValueError):
        return False
    if about["pid"] != served.process.pid:
        return False  # what a killed server has left
    served.url = about["url"]
    try:
        return httpx.get(f"{served.url}/readyz", timeout=WITHIN_S, trust_env=False, verify=PLAIN).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Shop:
    """A small broken thing: its mark `healthy` is missing until somebody touches it. Registered under its own name."""

    name: str
    folder: Path

    @property
    def alert(self) -> str:
        return f"{self.name.title()}Down"

    @property
    def runbook(self) -> str:
        return f"{self.name}-down"

    @property
    def healthy(self) -> Path:
        return self.folder / "healthy"

    def connection(self) -> dict[str, Any]:
        values = {one: str(self.folder / one) for one in ("healthy", "state", "counter")}
        return {"reach": "host", "labels": {"service": self.name}, "values": values}

    def text(self, fix: str = MEND) -> str:
        return RUNBOOK % {"id": self.runbook, "name": self.name, "alert": self.alert, "fix": fix}

    def register(self, admin: Caller, fix: str = MEND) -> None:
        admin.json_of("PUT", f"/api/v1/connections/{self.name}", self.connection())
        admin.json_of("POST", "/api/v1/runbooks", {"text": self.text(fix), "path": "shop.md"}, status=201)

    def execute(self, caller: Caller) -> str:
        """Ask for its runbook; the session's id."""
        body = {"runbook_id": self.runbook, "issue_description": f"{self.name} is down", "connection": self.name}
        return str(caller.json_of("POST", "/api/v1/agent/execute", body)["sessionId"])

    def alerts(self, *, status: str = "firing", starts: str = "2026-11-20T23:38:18.875Z") -> dict[str, Any]:
        """What an Alertmanager would post about it."""
        one = {
            "status": status,
            "labels": {"alertname": self.alert, "service": self.name, "severity": "critical"},
            "annotations": {"summary": f"{self.name} does not answer"},
            "startsAt": starts,
            "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-20T23:59:00Z",
        }
        return {"version": "4", "status": status, "receiver": "opsagent", "alerts": [one]}


def shop_in(folder: Path, name: str) -> Shop:
    """A broken shop in a folder of its own."""
    own = folder / name
    own.mkdir(parents=True)
    (own / "state").write_text("out of coffee\n")
    return Shop(name, own)
