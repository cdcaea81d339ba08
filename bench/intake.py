"""Acknowledged triggers: ours over HTTP, beside the two bare endpoints, 50 callers each."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.load import Load

CALLERS = 50
EACH = 100


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on {port}")


def fire(port: int, path: str, body: object, key: str = "") -> Load:
    spec = {"host": "127.0.0.1", "port": port, "path": path, "body": body, "key": key, "callers": CALLERS, "each": EACH}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(spec), capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout)
    return Load(**{**seen, "answers": {int(status): count for status, count in seen["answers"].items()}})


def bare(which: str) -> Load:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([sys.executable, "-m", "bench.baselines", which, folder, str(port)])
        try:
            wait_for(port)
            return fire(port, "/", {"task": "check the disk"})
        finally:
            server.terminate()
            server.wait()


def ours() -> Load:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "OPSAGENT_DATA_DIR": folder,
            "OPSAGENT_RATE_LIMIT_PER_MINUTE": "1000000",
            "OPSAGENT_LOG_LEVEL": "WARNING",
        }
        opsagent = str(Path(sys.executable).with_name("opsagent"))
        server = subprocess.Popen(
            [opsagent, "serve", "--port", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            key = (Path(folder) / "admin.key").read_text().strip()
            return fire(port, "/api/v1/trigger/api", {"taskDescription": "check the disk"}, key)
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    print(f"{CALLERS} callers, {CALLERS * EACH} requests to each server")
    each, many, own = bare("each"), bare("many"), ours()
    print(f"bare, a commit a row        {each}")
    print(f"bare, many rows a commit    {many}")
    print(f"OpsAgent, working meanwhile {own}")
    print(f"OpsAgent / many rows a commit: {own.per_second / many.per_second:.2f} (aim 0.5); p99 aim 100 ms")


if __name__ == "__main__":
    main()
