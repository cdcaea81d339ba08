"""A load generator: many callers on keep-alive connections, as little of its own work as possible."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What one run of callers saw. Times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    answers: dict[int, int]

    def __str__(self) -> str:
        return f"{self.per_second:7.0f}/s   p50 {self.p50:6.1f} ms   p99 {self.p99:6.1f} ms   {self.answers}"


async def caller(host: str, port: int, request: bytes, count: int, times: list[float], answers: dict[int, int]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(count):
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await reader.readexactly(length)
        times.append(time.perf_counter() - begun)
        status = int(head[9:12])
        answers[status] = answers.get(status, 0) + 1
    writer.close()


async def load(host: str, port: int, request: bytes, *, callers: int, each: int) -> Load:
    """`callers` at once, each sending the request `each` times."""
    times: list[float] = []
    answers: dict[int, int] = {}
    begun = time.perf_counter()
    await asyncio.gather(*(caller(host, port, request, each, times, answers) for _ in range(callers)))
    seconds = time.perf_counter() - begun
    cuts = statistics.quantiles(times, n=100)
    return Load(per_second=len(times) / seconds, p50=cuts[49] * 1000, p99=cuts[98] * 1000, answers=answers)


def post(host: str, port: int, path: str, body: object, *, key: str = "") -> bytes:
    """The bytes of one POST."""
    raw = json.dumps(body).encode()
    auth = f"Authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{auth}"
        f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


def main() -> None:
    """Run as a process of its own, so that the callers do not share the server's interpreter: JSON in, JSON out."""
    import uvloop

    spec = json.loads(sys.stdin.read())
    request = post(spec["host"], spec["port"], spec["path"], spec["body"], key=spec.get("key", ""))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(load(spec["host"], spec["port"], request, callers=10, each=5))
        seen = runner.run(load(spec["host"], spec["port"], request, callers=spec["callers"], each=spec["each"]))
    sys.stdout.write(json.dumps(seen.__dict__))


if __name__ == "__main__":
    main()
