"""A storm of alerts: 1,000 distinct ones and 10,000 repeats, each in a request of its own, then the plug is pulled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.intake import free_port, wait_for
from bench.load import post

DISTINCT, REPEATS, CALLERS, SERVICES = 1000, 10_000, 50, 20
PATH = "/api/v1/tickets/webhook/alertmanager"
STARTED = "2026-11-20T23:20:00Z"


def alert(number: int) -> dict[str, object]:
    labels = {
        "alertname": "HighErrorRate",
        "service": f"shop-{number % SERVICES}",
        "instance": f"10.0.{number // 250}.{number % 250}:9100",
        "severity": "warning",
    }
    return {"status": "firing", "labels": labels, "annotations": {"summary": "errors"}, "startsAt": STARTED}


def request(port: int, key: str, alerts: Sequence[dict[str, object]]) -> bytes:
    return post("127.0.0.1", port, PATH, {"version": "4", "alerts": alerts}, key=key)


async def caller(port: int, requests: Sequence[bytes], answers: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for one in requests:
        writer.write(one)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        answers.append(int(head[9:12]))
    writer.close()


async def fire(port: int, requests: Sequence[bytes]) -> tuple[float, int]:
    """Seconds until the last one was acknowledged, and how many were."""
    answers: list[int] = []
    begun = time.perf_counter()
    await asyncio.gather(*(caller(port, requests[at::CALLERS], answers) for at in range(CALLERS)))
    return time.perf_counter() - begun, answers.count(202)


def send() -> None:
    """In a process of its own: JSON in, JSON out."""
    import uvloop

    spec = json.loads(sys.stdin.read())
    port, key = spec["port"], spec["key"]
    alerts = [alert(number) for number in range(DISTINCT)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        distinct = runner.run(fire(port, [request(port, key, [one]) for one in alerts]))
        repeats = runner.run(fire(port, [request(port, key, [alerts[at % DISTINCT]]) for at in range(REPEATS)]))
        # As Prometheus and Alertmanager do it: many alerts in one request.
        other = [one | {"startsAt": "2026-11-20T23:50:00Z"} for one in alerts]
        grouped = runner.run(fire(port, [request(port, key, other[at : at + 64]) for at in range(0, DISTINCT, 64)]))
    sys.stdout.write(json.dumps({"distinct": distinct, "repeats": repeats, "grouped": grouped}))


def main() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = os.environ | {
            "OPSAGENT_DATA_DIR": name,
            "OPSAGENT_LOG_LEVEL": "WARNING",
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "opsagent", "serve", "--port", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            key = (folder / "admin.key").read_text().strip()
            spec = json.dumps({"port": port, "key": key})
            done = subprocess.run(
                [sys.executable, "-c", "from bench.storm import send; send()"],
                input=spec,
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
        seen = json.loads(done.stdout)
        with sqlite3.connect(next(folder.glob("*.db"))) as store:
            (tickets,) = store.execute("SELECT count(*) FROM tickets").fetchone()
            (signals,) = store.execute("SELECT count(*) FROM signals").fetchone()
    for part, words in (
        ("distinct", f"{DISTINCT} distinct, one in each request"),
        ("repeats", f"{REPEATS} repeats, one in each request"),
        ("grouped", f"{DISTINCT} firing anew, 64 in each request"),
    ):
        seconds, taken = seen[part]
        print(f"{words:<40} {seconds:6.2f} s until stored, {taken} acknowledged")
    print(f"after kill -9: {tickets} tickets, {signals} signals kept (wanted few, and {2 * DISTINCT})")
    print("a storm of 1,000 alerts elsewhere: Alertmanager 0.14 s (in memory), Keep 32 s until stored")


if __name__ == "__main__":
    main()
