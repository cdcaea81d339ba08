"""Every window in which a launcher can die or freeze, and what recovery makes of it (the table in launcher.py)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_shell import Bench, eventually, running, sleepers, state_of, unique_seconds
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.errors import ExecutionError, TokenTaken
from opsagent.ports.executor import Order, Traced

# where the launcher stops, what is known then, and whether the command had run
WINDOWS = [
    ("after-token", Traced.NEVER_STARTED, False),
    ("after-fork", Traced.NEVER_STARTED, False),
    ("after-marker", Traced.UNKNOWN, False),
    ("after-spawn", Traced.UNKNOWN, True),
    ("before-outcome", Traced.UNKNOWN, True),
]


def effect(bench: Bench) -> Order:
    text = f"echo once >> {bench.effects}/log; sync {bench.effects}; exit 0"
    return bench.host(text, proof=Proof.EFFECT, manifest={"writes": (f"{bench.effects}/log",)})


def log(bench: Bench) -> str:
    path = bench.effects / "log"
    return path.read_text() if path.exists() else ""


BEFORE = ("before-token", Traced.NEVER_STARTED, False)


@pytest.mark.parametrize(("place", "traced", "ran"), [BEFORE, *WINDOWS])
async def test_the_launcher_is_killed(bench: Bench, place: str, traced: Traced, ran: bool) -> None:
    order = effect(bench)
    server = bench.server(failpoints={place: "kill"})
    if traced is Traced.NEVER_STARTED:
        with pytest.raises(ExecutionError, match="not started"):
            await server.run(order)
    else:
        assert not (await server.run(order)).known
    trace = await bench.server().trace(order)
    assert trace.traced is traced
    assert not running(order)
    assert log(bench) in (("", "once\n") if ran else ("",))
    with pytest.raises(TokenTaken):
        await bench.server().run(order)


@pytest.mark.parametrize(("place", "traced", "ran"), WINDOWS)
async def test_the_launcher_freezes(bench: Bench, place: str, traced: Traced, ran: bool) -> None:
    order = effect(bench)
    task = asyncio.create_task(bench.server(failpoints={place: "stop"}).run(order))
    launcher = await bench.frozen(order)
    if ran:
        await eventually(lambda: log(bench) == "once\n")
    trace = await bench.server().trace(order)
    assert trace.traced is traced
    assert state_of(launcher) in ("", "Z")
    assert not running(order)
    assert log(bench) == ("once\n" if ran else "")
    assert await bench.server().trace(order) == trace
    with contextlib.suppress(ExecutionError):
        await task


async def test_a_launcher_frozen_before_its_token_thaws_in_vain(bench: Bench) -> None:
    order = effect(bench)
    server = bench.server(failpoints={"before-token": "stop"})
    await server.probe()
    before = children()
    task = asyncio.create_task(server.run(order))
    await eventually(lambda: any(state_of(pid) == "T" for pid in children() - before))
    launcher = next(pid for pid in children() - before if state_of(pid) == "T")
    assert (await bench.server().trace(order)).traced is Traced.NEVER_STARTED
    os.kill(launcher, signal.SIGCONT)
    with pytest.raises(TokenTaken):
        await task
    assert log(bench) == ""


def children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found |= {int(word) for word in (task / "children").read_text().split()}
    return found


async def test_an_unknown_shows_what_was_written(bench: Bench) -> None:
    order = bench.order("echo half-way; sleep 30")
    task = asyncio.create_task(bench.server().run(order))
    written = bench.token(order).with_name(f"{order.token}.stdout")
    await eventually(lambda: written.exists() and written.read_text() == "half-way\n")
    os.kill(bench.holder(order), signal.SIGKILL)
    outcome = await task
    assert isinstance(outcome, Outcome)
    assert not outcome.known
    assert outcome.stdout == "half-way\n"
    assert "interrupted" in outcome.note


async def test_a_living_launcher_is_asked_to_end(bench: Bench) -> None:
    seconds = unique_seconds()
    order = bench.order(f"echo begun; sleep {seconds}")
    task = asyncio.create_task(bench.server().run(order))
    await eventually(lambda: sleepers(seconds))
    trace = await bench.server().trace(order)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert trace.outcome.cancelled
    assert not sleepers(seconds)
    assert (await task).cancelled


async def test_a_reused_pid_is_not_the_launcher(bench: Bench) -> None:
    order = bench.order("true")
    server = bench.server()
    await server.run(bench.order("true"))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        bench.token(order).symlink_to(f"{bystander.pid}:1:{boot}")
        assert (await server.trace(order)).traced is Traced.NEVER_STARTED
        assert state_of(bystander.pid) in ("R", "S", "D")
        bystander.kill()


async def test_a_reboot_ends_every_launcher(bench: Bench) -> None:
    order = bench.order("true")
    server = bench.server()
    await server.run(bench.order("true"))
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    bench.token(order).symlink_to(f"{os.getpid()}:{started}:another-boot")
    bench.token(order).with_name(f"{order.token}.started").symlink_to(f"{os.getpid()}:{started}:another-boot")
    assert (await server.trace(order)).traced is Traced.UNKNOWN


async def test_a_torn_outcome_is_no_outcome(bench: Bench) -> None:
    order, server = bench.order("true"), bench.server()
    await server.run(order)
    bench.token(order).with_name(f"{order.token}.outcome").write_text('{"started": tr')
    assert (await server.trace(order)).traced is Traced.UNKNOWN


SERVER = """
import asyncio, pickle, sys
sys.path[:0] = {path!r}
from pathlib import Path
from local_shell import Bench
from opsagent.adapters.executors.local import Backend
bench = object.__new__(Bench)
bench.folder, bench.backend, bench.artifacts = Path({folder!r}), Backend({backend!r}), None
asyncio.run(bench.server().run(pickle.loads({order!r})))
"""


def start_server(bench: Bench, order: Order) -> subprocess.Popen[bytes]:
    import pickle

    program = SERVER.format(
        path=sys.path, folder=str(bench.folder), backend=str(bench.backend), order=pickle.dumps(order)
    )
    return subprocess.Popen([sys.executable, "-c", program])


async def test_the_effect_outlives_the_server(bench: Bench) -> None:
    go = bench.effects / "go"
    text = f"echo begun > {bench.effects}/log; until [ -e {go} ]; do sleep 0.02; done; echo done"
    order = bench.host(text, proof=Proof.EFFECT, manifest={"writes": (f"{bench.effects}/log",)})
    with start_server(bench, order) as server:
        await eventually(lambda: log(bench) == "begun\n")
        server.kill()
    go.touch()
    await eventually(lambda: bench.token(order).with_name(f"{order.token}.outcome").exists())
    trace = await bench.server().trace(order)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert (trace.outcome.exit_code, trace.outcome.stdout) == (0, "done\n")


async def test_a_server_that_comes_back_ends_what_still_runs(bench: Bench) -> None:
    seconds = unique_seconds()
    order = bench.order(f"sleep {seconds}")
    with start_server(bench, order) as server:
        await eventually(lambda: sleepers(seconds))
        server.kill()
    trace = await bench.server().trace(order)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert trace.outcome.cancelled
    assert not sleepers(seconds)


async def test_eight_launchers_one_effect(bench: Bench) -> None:
    order = effect(bench)
    servers = [bench.server() for _ in range(8)]
    await asyncio.gather(*(server.probe() for server in servers))
    answers = await asyncio.gather(*(server.run(order) for server in servers), return_exceptions=True)
    assert sum(isinstance(answer, Outcome) for answer in answers) == 1
    assert sum(isinstance(answer, TokenTaken) for answer in answers) == 7
    assert log(bench) == "once\n"
