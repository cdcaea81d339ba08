"""Measures what a local command costs on each backend: `python bench/executor.py` prints one line for each.

The first number is the median of commands one after another, the second how many a second eight at a time make.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.local import Backend, LocalConfig, LocalExecutor
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import StoreUnavailable
from opsagent.ports.executor import Order

ONE_BY_ONE, TOGETHER, AT_ONCE = 40, 80, 8


class NoArtifacts:
    """`true` says nothing that could be cut, so nothing is kept."""

    async def put(self, tenant: str, content: bytes, *, encrypt: bool = False) -> str:
        """Refuse."""
        raise StoreUnavailable(f"nothing is kept here: {tenant} {len(content)} {encrypt}")

    async def get(self, tenant: str, artifact_id: str) -> bytes:
        """Refuse."""
        raise StoreUnavailable(f"nothing is kept here: {tenant} {artifact_id}")


async def measure(name: str, once: Callable[[], Awaitable[object]]) -> None:
    await once()
    took = []
    for _ in range(ONE_BY_ONE):
        begun = time.perf_counter()
        await once()
        took.append(time.perf_counter() - begun)
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated() -> None:
        async with gate:
            await once()

    begun = time.perf_counter()
    await asyncio.gather(*(gated() for _ in range(TOGETHER)))
    rate = TOGETHER / (time.perf_counter() - begun)
    slow = statistics.quantiles(took, n=20)[-1]
    print(
        f"{name:24} p50 {statistics.median(took) * 1000:6.1f} ms   p95 {slow * 1000:6.1f} ms   8 at once {rate:6.1f}/s"
    )


async def plain() -> None:
    process = await asyncio.create_subprocess_exec("bash", "--noprofile", "--norc", "-c", "true")
    await process.wait()


async def measured(folder: Path) -> None:
    numbers = itertools.count()
    print(f"user {os.geteuid()}, {os.cpu_count()} processors")
    await measure("bash alone", plain)
    for force in Backend.BWRAP, Backend.RLIMITS:
        config = LocalConfig(state=folder / "state", sandbox_root=folder / "sandbox", force=force)
        executor = LocalExecutor(config, clock=SystemClock(), redactor=str, artifacts=NoArtifacts())
        for reach in Reach:

            async def once(executor: LocalExecutor = executor, reach: Reach = reach) -> None:
                order = Order(
                    tenant="bench",
                    run_id="bench",
                    token=f"bench.{next(numbers)}",
                    command=Command(executor="shell", text="true", connection_id="here", reach=reach),
                    manifest=Manifest(proof=Proof.READ),
                    connection=Connection(id="here", tenant="bench", name="here", reach=reach),
                )
                outcome = await executor.run(order)
                assert outcome.exit_code == 0, outcome

            await measure(f"{force} {reach}", once)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="opsagent-bench-") as made:
        Path(made).chmod(0o755)  # commands run as another user where this is root
        asyncio.run(measured(Path(made)))


if __name__ == "__main__":
    main()
