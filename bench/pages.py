"""Seconds to the first useful content of each page with 100,000 runs and one of 5,000 events, and what a page costs."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from playwright.async_api import Browser, async_playwright

from opsagent.bootstrap import App, build
from opsagent.cli.admin_key import ensure_admin_key
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.run import Source
from opsagent.domain.trigger import Trigger
from opsagent.settings import Settings
from opsagent.web.server import Server

STORED = int(os.environ.get("BENCH_RUNS", "100000"))
EVENTS = 5000
OPEN = 20
LOOKS = 5
AIM_S = 2.0


async def measured() -> None:
    with tempfile.TemporaryDirectory() as folder:
        overrides = {"data_dir": Path(folder), "log_level": "ERROR", "rate_limit_per_minute": 1_000_000}
        async with build(Settings.load(overrides, environ={}), serving=False) as app:
            key_file = await ensure_admin_key(Path(folder), app.stores.keys, app.clock, app.ids)
            long = await _filled(app)
            with socket.create_server(("127.0.0.1", 0)) as listening:
                server = Server(app.web(pages=True), host="127.0.0.1", port=listening.getsockname()[1])
                serving = asyncio.create_task(server.serve(sockets=[listening]))
                address = f"http://127.0.0.1:{listening.getsockname()[1]}"
                async with async_playwright() as playwright:
                    browser = await playwright.chromium.launch(
                        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                    )
                    await _visited(browser, address, key_file.read_text().strip(), long)
                    await browser.close()
                server.should_exit = True
                await serving


async def _filled(app: App) -> str:
    """So many runs, and the id of the one with many events."""
    for start in range(0, STORED, 1000):
        await asyncio.gather(*(app.agent.submit(_trigger(number)) for number in range(start, start + 1000)))
    run = await app.agent.submit(_trigger(STORED))
    for start in range(0, EVENTS, 500):
        await app.stores.journal.append(
            [
                RunEvent(
                    run_id=run.id,
                    tenant="default",
                    type=EventType.TOOL_RESULT,
                    node="tools",
                    content=f"line {start + number}",
                    tool_output="a line of output\n" * 40,
                    created_at=app.clock.now(),
                )
                for number in range(500)
            ]
        )
    return run.id


def _trigger(number: int) -> Trigger:
    return Trigger(tenant="default", source=Source.API, text=f"check disk {number}", requested_by="bench")


async def _visited(browser: Browser, address: str, key: str, long: str) -> None:
    context = await browser.new_context()
    await context.request.post(f"{address}/api/v1/session", data={"key": key})
    pages = {
        "home": ("/", "text=Lately"),
        "approvals": ("/approvals", "text=Nothing waits for you"),
        "runs": ("/runs", ".rows li >> nth=49"),
        f"run of {EVENTS:,} events": (f"/runs/{long}", f"text=line {EVENTS - 1}"),
        "tickets": ("/tickets", "text=No tickets here"),
        "runbooks": ("/runbooks", ".rows li, .empty"),
        "settings": ("/settings", "text=What would this command get"),
    }
    print(f"{STORED:,} runs; seconds from the address to its content in a real browser, {LOOKS} times")
    for name, (path, content) in pages.items():
        took = []
        for _ in range(LOOKS):
            page = await context.new_page()
            begun = time.perf_counter()
            await page.goto(f"{address}{path}", wait_until="commit")
            await page.wait_for_selector(content)
            took.append(time.perf_counter() - begun)
            await page.close()
        print(f"{name:24} p50 {statistics.median(took):.2f} s, worst {max(took):.2f} s (aim {AIM_S:g})")
    process = psutil.Process()
    before = process.memory_info().rss
    for _ in range(OPEN):
        page = await context.new_page()
        await page.goto(f"{address}/runs")
        await page.wait_for_selector(".rows li >> nth=49")
    held = (process.memory_info().rss - before) / OPEN / 1e6
    busy = process.cpu_percent()
    await asyncio.sleep(10)
    busy = process.cpu_percent()
    print(f"{OPEN} open lists of runs: {held:.1f} MB of the server each, {busy:.0f} % of a core while nothing happens")


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    main()
