"""Slash commands acknowledged: 100 people at once, each command signed and different, every run stored."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import httpx

from bench.intake import free_port, wait_for

PEOPLE = 100
ROUNDS = 10
EACH = 10
PATH = "/api/v1/trigger/slack"
SECRET = "the-signing-secret-of-the-bench"  # noqa: S105 - of this measurement only


def request(number: int) -> tuple[bytes, dict[str, str]]:
    fields = {
        "token": "t", "team_id": "T1", "team_domain": "example", "channel_id": "C1", "channel_name": "ops",
        "user_id": f"U{number}", "user_name": "ada", "command": "/cloud-ops", "text": f"check the disk {number}",
        "response_url": f"https://hooks.slack.com/commands/{number}", "trigger_id": str(number),
    }  # fmt: skip
    body, at = urlencode(fields).encode(), str(int(time.time()))
    mac = hmac.new(SECRET.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    return body, {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={mac}"}


async def caller(port: int, numbers: range, times: list[float]) -> None:
    """Somebody on a connection of their own, whose requests are ready before the first one goes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for raw in [raw_request(port, number) for number in numbers]:
        begun = time.perf_counter()
        writer.write(raw)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        times.append((time.perf_counter() - begun) * 1000)
        if not head.startswith(b"HTTP/1.1 200") or b"Run ID" not in body:
            raise SystemExit(f"not acknowledged: {head!r} {body[:200]!r}")
    writer.close()


def raw_request(port: int, number: int) -> bytes:
    body, headers = request(number)
    lines = [f"POST {PATH} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def measure(port: int, key: str) -> None:
    await caller(port, range(1), [])
    done = 1
    for name, each in (("one each", 1), (f"{EACH} each, one after the other", EACH)):
        times: list[float] = []
        for _ in range(ROUNDS if each == 1 else 1):
            people = (caller(port, range(done + n * each, done + (n + 1) * each), times) for n in range(PEOPLE))
            await asyncio.gather(*people)
            done += PEOPLE * each
            await drained(port, key)
        cuts = statistics.quantiles(times, n=100)
        print(f"{name:32} p50 {cuts[49]:6.1f} ms   p99 {cuts[98]:6.1f} ms (aim 300)   slowest {max(times):6.1f} ms")
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        stored = await count(client, f"http://127.0.0.1:{port}", key)
    print(f"{done} acknowledged, {stored} stored")
    if stored != done:
        raise SystemExit("a run is missing")


async def drained(port: int, key: str) -> None:
    """Until every run has ended, so that each burst meets a server with nothing else to do."""
    url, headers = f"http://127.0.0.1:{port}/api/agent-ops", {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        for status in ("queued", "in_progress"):
            while (await client.get(url, params={"status": status, "limit": "1"}, headers=headers)).json()["runs"]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)


async def count(client: httpx.AsyncClient, base: str, key: str) -> int:
    found, cursor = 0, ""
    while True:
        query = {"limit": "200", "source": "slack", "cursor": cursor}
        page = (
            await client.get(f"{base}/api/agent-ops", params=query, headers={"Authorization": f"Bearer {key}"})
        ).json()
        found += len(page["runs"])
        cursor = page["nextCursor"] or ""
        if not cursor:
            return found


def main() -> None:
    port = free_port()
    print(f"{PEOPLE} people at once; the server works on their runs meanwhile")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "OPSAGENT_DATA_DIR": folder,
            "OPSAGENT_LOG_LEVEL": "ERROR",
            "SLACK_SIGNING_SECRET": SECRET,
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
            asyncio.run(measure(port, (Path(folder) / "admin.key").read_text().strip()))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
