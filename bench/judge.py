"""Measures the judge of shell commands: how fast it is, and what share of the lists in `bench/data` it lets through.

Run it with the installed Python: `python bench/judge.py`. It starts nothing but the parser and sends nothing anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command import Command, Reach
from opsagent.domain.command_table import Tables
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Verdict
from opsagent.domain.policy import Policy, judge

DATA = Path(__file__).parent / "data"
CONNECTION = Connection(
    id="bench", tenant="bench", name="web", reach=Reach.HOST, hosts=("127.0.0.1", "localhost", "web01.example.net")
)
SINGLE_COMMANDS = 200
BATCH_COMMANDS = 10_000


def commands(name: str) -> list[tuple[str, bool]]:
    """The commands of a list, and whether each was held out from tuning."""
    found: list[tuple[str, bool]] = []
    held_out = False
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        held_out = held_out or line == "# held out"
        if line.strip() and not line.startswith("#"):
            found.append((line, held_out))
    return found


def verdict(policy: Policy, text: str, manifest: object) -> Verdict:
    command = Command(executor="shell", text=text, connection_id=CONNECTION.id, reach=CONNECTION.reach)
    return judge(policy, manifest, command=command, connection=CONNECTION)  # type: ignore[arg-type]  # from the analyser


def fresh(tables: Tables) -> ShellAnalyser:
    return ShellAnalyser(ShellAnalyserConfig(), tables)


async def shares(policy: Policy, tables: Tables) -> None:
    print(f"{'list':28} {'part':10} {'commands':>8} {'ALLOW':>8} {'ASK':>6} {'DENY':>6}")
    for name in ("everyday_diagnostics.txt", "not_reads.txt", "not_reads_found.txt", "not_reads_second.txt"):
        listed = commands(name)
        texts = [text for text, _ in listed]
        manifests = await fresh(tables).analyse_all(texts, CONNECTION)
        for part in (False, True):
            counts: Counter[Decision] = Counter()
            for (text, held_out), manifest in zip(listed, manifests, strict=True):
                if held_out is part:
                    counts[verdict(policy, text, manifest).decision] += 1
            if total := counts.total():
                allowed = f"{counts[Decision.ALLOW] / total:.1%}"
                print(
                    f"{name:28} {'held out' if part else 'tuned':10} {total:8} {allowed:>8} "
                    f"{counts[Decision.ASK]:6} {counts[Decision.DENY]:6}"
                )


async def speed(tables: Tables) -> None:
    texts = [text for name in ("everyday_diagnostics.txt", "not_reads.txt") for text, _ in commands(name)]
    analyser = fresh(tables)
    times: list[float] = []
    for text in texts[:SINGLE_COMMANDS]:
        start = time.perf_counter()
        await analyser.analyse(Command(executor="shell", text=text, connection_id=CONNECTION.id), CONNECTION)
        times.append(time.perf_counter() - start)
    times.sort()
    print(f"one by one: {len(times) / sum(times):.0f} per second, median {times[len(times) // 2] * 1000:.1f} ms")
    start = time.perf_counter()
    await analyser.analyse_all(texts[:SINGLE_COMMANDS], CONNECTION)
    print(f"the same again (remembered): {SINGLE_COMMANDS / (time.perf_counter() - start):.0f} per second")
    many = [f"{texts[index % len(texts)]} # {index}" for index in range(BATCH_COMMANDS)]
    start = time.perf_counter()
    await fresh(tables).analyse_all(many, CONNECTION)
    seconds = time.perf_counter() - start
    print(
        f"together: {BATCH_COMMANDS} different commands in {seconds:.1f} s, {BATCH_COMMANDS / seconds:.0f} per second"
    )


async def measured() -> None:
    start = time.perf_counter()
    policy, tables = load_policy()
    print(f"policy: {len(tables.commands)} commands loaded in {(time.perf_counter() - start) * 1000:.0f} ms")
    await shares(policy, tables)
    await speed(tables)


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    main()
