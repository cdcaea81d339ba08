"""Whole runs: trivial ones per second beside the bare five-node graph, and one on an idle system."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bench.baselines import bare_graph
from opsagent.bootstrap import App, build
from opsagent.domain.run import Source
from opsagent.domain.trigger import Trigger
from opsagent.settings import Settings

MANY = 600
IDLE = 30


def trigger() -> Trigger:
    return Trigger(tenant="default", source=Source.API, text="zzz nothing is for this", requested_by="bench")


async def finished(app: App, run_id: str) -> None:
    async for _ in app.live.watch("default", run_id):
        if (await app.stores.runs.get("default", run_id)).ended:
            return


async def graph_per_second() -> float:
    graph = bare_graph()
    await graph.ainvoke({"n": 0})
    begun = time.perf_counter()
    for _ in range(MANY):
        await graph.ainvoke({"n": 0})
    return MANY / (time.perf_counter() - begun)


async def runs_per_second(app: App) -> float:
    begun = time.perf_counter()
    await asyncio.gather(*(app.agent.submit(trigger()) for _ in range(MANY)))
    while await app.stores.runs.due(1):
        await app.clock.sleep(0.01)
    await app.worker.idle()
    return MANY / (time.perf_counter() - begun)


async def one_at_a_time(app: App) -> list[float]:
    times = []
    for _ in range(IDLE):
        begun = time.perf_counter()
        run = await app.agent.submit(trigger())
        if not (await app.stores.runs.get("default", run.id)).ended:
            await finished(app, run.id)
        times.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.05)
    return times


async def measured() -> None:
    bare = await graph_per_second()
    print(f"bare graph, five nodes     {bare:7.0f} runs/s")
    with tempfile.TemporaryDirectory() as folder:
        overrides = {"data_dir": Path(folder), "runs_per_tenant": 64, "workers_per_process": 64, "log_level": "ERROR"}
        async with build(Settings.load(overrides, environ={})) as app:
            await one_at_a_time(app)
            idle = await one_at_a_time(app)
            own = await runs_per_second(app)
    print(f"OpsAgent, stored runs      {own:7.0f} runs/s   {own / bare:.2f} of the graph (aim 0.25)")
    print(f"trigger to finished, idle  p50 {statistics.median(idle):.1f} ms, worst {max(idle):.1f} ms (aim 30 ms)")


def main() -> None:
    import uvloop

    uvloop.run(measured())


if __name__ == "__main__":
    main()
