"""Measures what a local command costs on each backend: `python -m bench executor` prints one line for each.

p50 and p95 are of commands one after another, then how many a second eight at a time make. All is measured in rounds,
one backend after the other, and the spread of the rounds' medians is the noise: what differs by less is equal.
The weaker backend lets one command run at a time, so eight at once gain nothing there.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.executors.local import Backend, LocalConfig, LocalExecutor
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import SandboxUnavailable, StoreUnavailable
from opsagent.ports.executor import Order

ROUNDS, ONE_BY_ONE, TOGETHER, AT_ONCE = 3, 30, 48, 8


class NoArtifacts:
    """`true` says nothing that could be cut, so nothing is kept."""

    async def put(self, tenant: str, content: bytes, *, encrypt: bool = False) -> str:
        """Refuse."""
        raise StoreUnavailable(f"nothing is kept here: {tenant} {len(content)} {encrypt}")

    async def get(self, tenant: str, artifact_id: str) -> bytes:
        """Refuse."""
        raise StoreUnavailable(f"nothing is kept here: {tenant} {artifact_id}")


@dataclass(slots=True)
class Measured:
    """The rounds of one way to run a command: seconds of each one after another, and commands a second together."""

    rounds: list[list[float]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """What is printed of it."""
        every = [one for took in self.rounds for one in took]
        medians = [statistics.median(took) * 1000 for took in self.rounds]
        slow = statistics.quantiles(every, n=20)[-1] * 1000
        return (
            f"{name:22} p50 {statistics.median(every) * 1000:6.1f} ms ({min(medians):.1f} to {max(medians):.1f})   "
            f"p95 {slow:6.1f} ms   8 at once {statistics.median(self.rates):6.1f}/s"
        )


async def measure(into: Measured, once: Callable[[], Awaitable[object]]) -> None:
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
    into.rates.append(TOGETHER / (time.perf_counter() - begun))
    into.rounds.append(took)


async def plain() -> None:
    process = await asyncio.create_subprocess_exec("bash", "--noprofile", "--norc", "-c", "true")
    await process.wait()


def ways(folder: Path) -> dict[str, Callable[[], Awaitable[object]]]:
    """Each way to run `true`: alone, and for each backend as a sandbox command and as a read of this machine."""
    found: dict[str, Callable[[], Awaitable[object]]] = {"bash alone": plain}
    numbers = itertools.count()
    for backend in Backend.SECCOMP, Backend.BWRAP, Backend.RLIMITS:
        config = LocalConfig(
            state=folder / "state",
            sandbox_root=folder / "sandbox",
            force=backend,
            filtered=backend is not Backend.BWRAP,
        )
        executor = LocalExecutor(config, clock=SystemClock(), redactor=str, artifacts=NoArtifacts())
        for reach in Reach:

            async def once(
                executor: LocalExecutor = executor, reach: Reach = reach, backend: Backend = backend
            ) -> None:
                order = Order(
                    tenant="bench",
                    run_id="bench",
                    token=f"bench.{time.time_ns()}.{next(numbers)}",
                    command=Command(executor="shell", text="true", connection_id="here", reach=reach),
                    manifest=Manifest(proof=Proof.READ),
                    connection=Connection(id="here", tenant="bench", name="here", reach=reach),
                )
                outcome = await executor.run(order)
                assert (outcome.exit_code, outcome.backend) == (0, backend), outcome

            found[f"{backend} {reach}"] = once
    return found


async def measured(folder: Path) -> None:
    print(f"user {os.geteuid()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.2f} before")
    results: dict[str, Measured] = {}
    every = ways(folder)
    for _ in range(ROUNDS):
        for name, once in every.items():
            try:
                await measure(results.setdefault(name, Measured()), once)
            except SandboxUnavailable as error:
                results.pop(name)
                print(f"{name:22} {error.message}")
    for name, result in results.items():
        print(result.line(name))
    base = [statistics.median(took) * 1000 for took in results["bash alone"].rounds]
    noise = (max(base) - min(base)) / statistics.median(base)
    print(f"noise: bash alone differed by {noise:.0%} between rounds; load {os.getloadavg()[0]:.2f} after")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="opsagent-bench-") as made:
        Path(made).chmod(0o755)  # commands run as another user where this is root
        asyncio.run(measured(Path(made)))


if __name__ == "__main__":
    main()
