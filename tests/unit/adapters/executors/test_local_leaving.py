"""A worker that stops leaves what runs to its launcher, and the next one waits for it before it ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from local_shell import Bench, eventually, running, sleepers, state_of, unique_seconds
from opsagent.domain.manifest import Proof
from opsagent.errors import TokenTaken
from opsagent.ports.executor import Order, Traced


def waiting(bench: Bench, **given: object) -> Order:
    """An effect that begins, waits for `go`, and comes to its end in the run's folder."""
    go, log = bench.effects / "go", bench.effects / "log"
    text = f"echo begun > {log}; until [ -e {go} ]; do sleep 0.02; done; echo here > here; echo done"
    return bench.host(text, proof=Proof.EFFECT, manifest={"writes": (str(log),)}, **given)


async def begin(bench: Bench, order: Order) -> asyncio.Task[object]:
    server = bench.server()
    task = asyncio.create_task(server.run(order))
    await eventually((bench.effects / "log").exists)
    await server.detach(order.run_id)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return task


async def test_its_folder_stays_until_it_was_traced(bench: Bench) -> None:
    server, order = bench.server(), waiting(bench)
    folder = bench.folder / "sandbox" / order.run_id
    task = asyncio.create_task(server.run(order))
    await eventually((bench.effects / "log").exists)
    await server.detach(order.run_id)
    task.cancel()
    await asyncio.wait({task})
    await server.release(order.run_id)
    assert folder.is_dir()
    (bench.effects / "go").touch()
    found = await server.trace(replace(order, patience_s=15.0))
    assert found.outcome is not None
    assert found.outcome.exit_code == 0
    assert (folder / "here").read_text() == "here\n"
    await server.release(order.run_id)
    assert not folder.exists()


async def test_one_that_had_not_begun_never_does(bench: Bench) -> None:
    server, order = bench.server(), bench.host(f"touch {bench.effects}/log", proof=Proof.UNKNOWN)
    task = asyncio.create_task(server.run(order))
    await asyncio.sleep(0)
    await server.detach(order.run_id)
    task.cancel()
    await asyncio.wait({task})
    assert (await server.trace(replace(order, patience_s=15.0))).traced is Traced.NEVER_STARTED
    assert not (bench.effects / "log").exists()


@pytest.mark.parametrize("proof", [Proof.EFFECT, Proof.UNKNOWN])
async def test_a_detached_command_comes_to_its_end(bench: Bench, proof: Proof) -> None:
    order = waiting(bench)
    order = replace(order, manifest=replace(order.manifest, proof=proof))
    await begin(bench, order)
    assert running(order)
    trace = asyncio.create_task(bench.server().trace(replace(order, patience_s=15.0)))
    (bench.effects / "go").touch()
    found = await trace
    assert found.traced is Traced.FINISHED
    assert found.outcome is not None
    assert (found.outcome.exit_code, found.outcome.stdout) == (0, "done\n")
    assert not found.outcome.cancelled
    assert not running(order)
    with pytest.raises(TokenTaken):
        await bench.server().run(order)


async def test_patience_has_an_end(bench: Bench) -> None:
    order = waiting(bench)
    await begin(bench, order)
    found = await bench.server().trace(replace(order, patience_s=0.2))
    assert found.traced is Traced.FINISHED
    assert found.outcome is not None
    assert found.outcome.cancelled
    assert not running(order)


async def test_no_patience_ends_it_at_once(bench: Bench) -> None:
    order = waiting(bench)
    await begin(bench, order)
    found = await bench.server().trace(order)
    assert found.outcome is not None
    assert found.outcome.cancelled


async def test_no_patience_with_one_that_is_over_its_time(bench: Bench) -> None:
    order = waiting(bench)
    await begin(bench, order)
    late = replace(order, patience_s=600.0, command=replace(order.command, timeout_s=-600.0))
    found = await bench.server().trace(late)
    assert found.outcome is not None
    assert found.outcome.cancelled


async def test_no_patience_with_a_frozen_launcher(bench: Bench) -> None:
    order = waiting(bench)
    await begin(bench, order)
    os.kill(bench.holder(order), signal.SIGSTOP)
    await eventually(lambda: state_of(bench.holder(order)) == "T")
    assert (await bench.server().trace(replace(order, patience_s=600.0))).traced is Traced.UNKNOWN
    assert not running(order)


async def test_its_own_time_still_ends_it(bench: Bench) -> None:
    order = waiting(bench, timeout_s=0.5)
    await begin(bench, order)
    found = await bench.server().trace(replace(order, patience_s=60.0))
    assert found.outcome is not None
    assert found.outcome.timed_out


async def test_a_worker_can_stop_while_it_is_patient(bench: Bench) -> None:
    order = waiting(bench)
    await begin(bench, order)
    trace = asyncio.create_task(bench.server().trace(replace(order, patience_s=600.0)))
    await asyncio.wait({trace}, timeout=0.2)
    trace.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trace
    assert running(order)
    assert (await bench.server().trace(order)).traced is Traced.FINISHED


async def test_one_that_is_not_there_needs_no_patience(bench: Bench) -> None:
    order = replace(bench.order("true"), patience_s=600.0)
    assert (await bench.server().trace(order)).traced is Traced.NEVER_STARTED
    order = replace(bench.order("echo end"), patience_s=600.0)
    await bench.server().run(order)
    assert (await bench.server().trace(order)).traced is Traced.FINISHED


async def test_only_the_runs_own_commands_are_left(bench: Bench) -> None:
    seconds, server = unique_seconds(), bench.server()
    order = bench.order(f"sleep {seconds}")
    await server.detach("another-run")
    task = asyncio.create_task(server.run(order))
    await eventually(lambda: sleepers(seconds))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not sleepers(seconds)


async def test_a_worker_that_takes_the_run_again_can_cancel_again(bench: Bench) -> None:
    seconds, server = unique_seconds(), bench.server()
    await server.detach(bench.run_id)
    await server.release(bench.run_id)
    task = asyncio.create_task(server.run(bench.order(f"sleep {seconds}")))
    await eventually(lambda: sleepers(seconds))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not sleepers(seconds)


SERVER = """
import asyncio, pickle, sys
sys.path[:0] = {path!r}
from pathlib import Path
from local_shell import Bench, eventually
from opsagent.adapters.executors.local import Backend
bench = object.__new__(Bench)
bench.folder, bench.backend, bench.artifacts = Path({folder!r}), Backend({backend!r}), None
order = pickle.loads({order!r})

async def main():
    server = bench.server()
    task = asyncio.create_task(server.run(order))
    await eventually((bench.folder / "effects" / "log").exists)
    await server.detach(order.run_id)
    task.cancel()
    await asyncio.wait({{task}})

asyncio.run(main())
"""


async def test_a_server_that_stops_in_an_orderly_way_ends_nothing(bench: Bench) -> None:
    import pickle

    order = waiting(bench)
    program = SERVER.format(
        path=sys.path, folder=str(bench.folder), backend=str(bench.backend), order=pickle.dumps(order)
    )
    stopped = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert stopped.stderr == ""
    assert running(order)
    (bench.effects / "go").touch()
    found = await bench.server().trace(replace(order, patience_s=15.0))
    assert found.outcome is not None
    assert (found.outcome.exit_code, found.outcome.stdout) == (0, "done\n")
