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
from playwright.async_api import BrowserContext, async_playwright

from opsagent.bootstrap import App, build
from opsagent.cli.admin_key import ensure_admin_key
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.run import Source
from opsagent.domain.trigger import Trigger
from opsagent.settings import Settings
from opsagent.web.server import Server

STORED = int(os.environ.get("BENCH_RUNS", "100000"))
EVENTS = 5000
OPEN = 50
LIVE = 20
LIVE_S = 20.0
LOOKS = 5
AIM_S = 2.0


async def measured() -> None:
    with tempfile.TemporaryDirectory() as folder:
        overrides = {"data_dir": Path(folder), "log_level": "ERROR"}
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
                    context = await browser.new_context()
                    await context.request.post(f"{address}/api/v1/session", data={"key": key_file.read_text().strip()})
                    await _visited(context, address, long)
                    await _crowded(app, context, address)
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


async def _visited(context: BrowserContext, address: str, long: str) -> None:
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


async def _crowded(app: App, context: BrowserContext, address: str) -> None:
    """So many pages open at once, first idle, then while runs that they show go on."""
    process = psutil.Process()
    before = process.memory_info().rss
    pages = [await context.new_page() for _ in range(OPEN)]
    for page in pages:
        await page.goto(f"{address}/runs")
        await page.wait_for_selector(".rows li >> nth=49")
    held = (process.memory_info().rss - before) / OPEN / 1e6
    process.cpu_percent()
    await asyncio.sleep(10)
    rest = process.cpu_percent()
    print(f"{OPEN} open lists of runs: {held:.1f} MB of the server each, {rest:.0f} % of a core at rest")
    live = [await app.agent.submit(_trigger(STORED + 1 + number)) for number in range(LIVE)]
    stop = asyncio.Event()
    writing = [asyncio.create_task(_lively(app, run.id, stop)) for run in live]
    process.cpu_percent()
    took = []
    end = time.perf_counter() + LIVE_S
    while time.perf_counter() < end:
        run = await app.agent.submit(_trigger(time.perf_counter_ns()))
        begun = time.perf_counter()
        await asyncio.gather(*(page.wait_for_selector(f'a[href="/runs/{run.id}"]') for page in pages[:5]))
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(1)
    stop.set()
    await asyncio.gather(*writing)
    busy = process.cpu_percent()
    print(
        f"{LIVE} live runs, each with two lines a second: {busy:.0f} % of a core (browser apart); a new"
        f" run is on five of the {OPEN} pages after p50 {statistics.median(took):.2f} s, worst {max(took):.2f} s"
    )


async def _lively(app: App, run_id: str, stop: asyncio.Event) -> None:
    while not stop.is_set():
        line = RunEvent(
            run_id=run_id,
            tenant="default",
            type=EventType.TOOL_RESULT,
            node="tools",
            content="one more line",
            created_at=app.clock.now(),
        )
        for stored in await app.stores.journal.append([line]):
            app.agent.live.publish(stored)
        app.agent.live.changed("default", run_id)
        await asyncio.sleep(0.5)


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    main()
