"""Measures the judge of shell commands: how fast it is, and what share of the lists in `bench/data` it lets through.

Run it with the installed Python: `python bench/judge.py`. It starts nothing but the parser and sends nothing anywhere.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
# Lists of everyday diagnostics (aim: 0.9 ALLOW), of a mixed public style, and of what must never be ALLOW.
EVERYDAY = ("everyday_diagnostics.txt", "night_diagnostics.txt")
MIXED = ("one_liners.txt",)
NEVER = ("not_reads.txt", "not_reads_found.txt", "not_reads_second.txt", "evasions.txt")
SINGLE_COMMANDS = 200
BATCH_COMMANDS = 10_000
ROUNDS = 3


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
    print(f"{'list':28} {'part':10} {'commands':>8} {'ALLOW':>8} {'ASK':>8} {'DENY':>8}")
    for name in (*EVERYDAY, *MIXED, *NEVER):
        listed = commands(name)
        texts = [text for text, _ in listed]
        manifests = await fresh(tables).analyse_all(texts, CONNECTION)
        for part in (False, True):
            counts: Counter[Decision] = Counter()
            for (text, held_out), manifest in zip(listed, manifests, strict=True):
                if held_out is part:
                    counts[verdict(policy, text, manifest).decision] += 1
            if total := counts.total():
                label = "held out" if part else "mixed" if name in MIXED else "tuned"
                parts = " ".join(f"{counts[one] / total:8.1%}" for one in Decision)
                print(f"{name:28} {label:10} {total:8} {parts}")
    print("Aim: 0.9 of the everyday diagnostics ALLOW; of evasions and not_reads none.")


async def speed(tables: Tables) -> None:
    """Each figure is the median of `ROUNDS` rounds with the slowest and fastest: the spread is this machine's noise."""
    texts = [text for name in ("everyday_diagnostics.txt", "not_reads.txt") for text, _ in commands(name)]
    many = [f"{texts[index % len(texts)]} # {index}" for index in range(BATCH_COMMANDS)]
    rates: dict[str, list[float]] = {"one by one": [], "the same again (remembered)": [], "together": []}
    for _ in range(ROUNDS):
        analyser = fresh(tables)
        with timed(rates["one by one"], SINGLE_COMMANDS):
            for text in texts[:SINGLE_COMMANDS]:
                await analyser.analyse(Command(executor="shell", text=text, connection_id=CONNECTION.id), CONNECTION)
        with timed(rates["the same again (remembered)"], SINGLE_COMMANDS):
            await analyser.analyse_all(texts[:SINGLE_COMMANDS], CONNECTION)
        with timed(rates["together"], BATCH_COMMANDS):
            await fresh(tables).analyse_all(many, CONNECTION)
    for name, found in rates.items():
        low, middle, high = min(found), sorted(found)[len(found) // 2], max(found)
        print(f"{name}: {middle:.0f} commands per second ({low:.0f} to {high:.0f} in {ROUNDS} rounds)")
    print(f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores while measuring: other work slows all of this down")


@contextmanager
def timed(rates: list[float], count: int) -> Iterator[None]:
    start = time.perf_counter()
    yield
    rates.append(count / (time.perf_counter() - start))


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
