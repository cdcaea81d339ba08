"""The demo's supervisor: keeps one service running, gives up when it dies too often, obeys `democtl`."""

from __future__ import annotations

import argparse
import hmac
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from opsagent.cli.demo.lifeline import when_parent_ends

BURST, WINDOW_S = 3, 30.0  # like systemd's StartLimitBurst: this many deaths within the window, and it gives up
BACK_OFF_S = 0.1  # doubles with each death in the window
STOP_S = 2.0  # time between SIGTERM and SIGKILL, and how long an order may take
ORDERS = ("start", "restart", "stop")


class Kept:
    """One service and what people want of it. Every field is guarded by `_changed`."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = argv
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._desired = "running"
        self._state = "starting"
        self._expected_end = False
        self._closing = False
        self._deaths: deque[float] = deque(maxlen=BURST)
        self._restarts = 0
        self._last_exit = "none"

    def status(self) -> dict[str, str]:
        """What a person asks first: state, pid, restarts, what is desired, and how it ended last."""
        with self._changed:
            pid = str(self._process.pid) if self._process and self._state == "running" else "none"
            return {
                "state": self._state,
                "pid": pid,
                "restarts": str(self._restarts),
                "desired": self._desired,
                "last_exit": self._last_exit,
            }

    def start(self) -> None:
        """Make it run, and forget the deaths before; a running one is left alone."""
        with self._changed:
            self._desired = "running"
            self._deaths.clear()
            if self._state != "running":
                self._state = "starting"
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._state == "running", STOP_S)

    def stop(self) -> None:
        """Make it stop and stay stopped."""
        with self._changed:
            self._desired = "stopped"
            if not self._end_process():
                self._state = "stopped"
                self._changed.notify_all()

    def restart(self) -> None:
        """Stop it, and make it run."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it for good; `keep` returns."""
        with self._changed:
            self._closing = True
        self.stop()

    def keep(self) -> None:
        """Start it whenever it should run and does not; returns once closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._state == "starting")
                if self._closing:
                    return
                process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603 (its own argv, no shell)
                self._process, self._state, self._expected_end = process, "running", False
                self._changed.notify_all()
            code = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            with self._changed:
                self._process = None
                self._last_exit = f"signal-{-code}" if code < 0 else f"exit-{code}"
                self._after_end()
                self._changed.notify_all()

    def _after_end(self) -> None:
        if self._expected_end or self._desired == "stopped":
            self._state = "stopped"
            return
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == BURST and now - self._deaths[0] < WINDOW_S:
            self._state = "gave_up"
            return
        self._restarts += 1
        self._state = "backing_off"
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._state != "backing_off", BACK_OFF_S * 2 ** (len(self._deaths) - 1))
        if self._state == "backing_off" and self._desired == "running":
            self._state = "starting"

    def _end_process(self) -> bool:
        """Whether there was one; waits for its end, and insists after STOP_S."""
        process = self._process
        if process is None:
            return False
        self._expected_end = True
        process.terminate()
        if not self._changed.wait_for(lambda: self._process is not process, STOP_S):
            process.kill()
            self._changed.wait_for(lambda: self._process is not process, STOP_S)
        return True


class Control(BaseHTTPRequestHandler):
    """`GET /<service>` says how it is, `POST /<service>/<order>` obeys; both want the secret of the control file."""

    kept: ClassVar[dict[str, Kept]]
    secret: ClassVar[str]

    def do_GET(self) -> None:
        """The status of a service."""
        self._serve(self.path.strip("/"), "")

    def do_POST(self) -> None:
        """Start, restart or stop a service, then its status."""
        name, _, order = self.path.strip("/").partition("/")
        self._serve(name, order or "none")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it)
        """Nobody reads the supervisor's requests."""

    def _serve(self, name: str, order: str) -> None:
        service = self.kept.get(name)
        if not hmac.compare_digest(self.headers.get("X-Control", ""), self.secret):
            self._answer(403, {"error": "the control file's secret is needed"})
        elif service is None:
            self._answer(404, {"error": f"no service is called {name!r}"})
        elif order and order not in ORDERS:
            self._answer(404, {"error": f"no order is called {order!r}"})
        else:
            if order:
                getattr(service, order)()
            self._answer(200, service.status())

    def _answer(self, status: int, body: dict[str, str]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def write_control_file(path: Path, port: int, secret: str) -> None:
    """Say where the control is, readable by its owner only, complete from the first moment it is there."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{port} {secret}\n")
    draft.rename(path)


def main() -> None:
    """Keep the service named by `--name`, started by the words after `--`, until the parent is gone."""
    parser = argparse.ArgumentParser(prog="supervisor", description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--control", type=Path, required=True, help="the file to write the control address into")
    parser.add_argument("--scratch", type=Path, required=True, help="the folder to remove at the end")
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    kept = Kept(options.argv)
    Control.kept, Control.secret = {options.name: kept}, secrets.token_urlsafe(32)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    write_control_file(options.control, server.server_address[1], Control.secret)
    when_parent_ends(kept.close)
    kept.keep()
    shutil.rmtree(options.scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
