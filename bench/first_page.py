"""The first page of runs when 100,000 are stored, over HTTP and in the store."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from opsagent.bootstrap import build
from opsagent.cli.admin_key import ensure_admin_key
from opsagent.domain.run import Source
from opsagent.domain.trigger import Trigger
from opsagent.settings import Settings

STORED = 100_000
LOOKS = 50


async def measured() -> None:
    with tempfile.TemporaryDirectory() as folder:
        overrides = {"data_dir": Path(folder), "log_level": "ERROR", "rate_limit_per_minute": 1_000_000}
        async with build(Settings.load(overrides, environ={}), serving=False) as app:
            key_file = await ensure_admin_key(Path(folder), app.stores.keys, app.clock, app.ids)
            key = key_file.read_text().strip()
            begun = time.perf_counter()
            for start in range(0, STORED, 1000):
                await asyncio.gather(
                    *(
                        app.agent.submit(
                            Trigger(
                                tenant="default",
                                source=Source.API,
                                text=f"check disk {number}",
                                requested_by="bench",
                            )
                        )
                        for number in range(start, start + 1000)
                    )
                )
            print(f"{STORED} runs stored in {time.perf_counter() - begun:.1f} s")
            in_store = []
            for _ in range(LOOKS):
                begun = time.perf_counter()
                await app.stores.runs.list("default", limit=50)
                in_store.append((time.perf_counter() - begun) * 1000)
            transport = httpx.ASGITransport(app=app.web())
            over_http = []
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                for _ in range(LOOKS):
                    begun = time.perf_counter()
                    answer = await client.get("/api/agent-ops?limit=50", headers={"Authorization": f"Bearer {key}"})
                    over_http.append((time.perf_counter() - begun) * 1000)
                    answer.raise_for_status()
    print(f"first page of 50 in the store p50 {statistics.median(in_store):.1f} ms, worst {max(in_store):.1f} ms")
    print(
        f"first page of 50 by the API   p50 {statistics.median(over_http):.1f} ms, worst {max(over_http):.1f} ms"
        " (aim 20)"
    )


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    main()
