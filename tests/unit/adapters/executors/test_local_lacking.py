"""A machine that lacks something: surely not started, or honestly unknown; no OSError leaves the executor."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from local_shell import Bench, eventually, running, sleepers, unique_seconds
from opsagent.adapters.executors.local.lacking import aside, fix_of, words_of
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, UnavailableError
from opsagent.ports.executor import Traced


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_files_nothing_starts(bench: Bench) -> None:
    server = bench.server()
    await server.probe()
    for order in (bench.order("true"), bench.host("true", proof=Proof.UNKNOWN)):
        with no_more_files(), pytest.raises(ExecutionError, match="not started: Too many open files") as caught:
            await server.run(order)
        assert "LimitNOFILE" in caught.value.fix
        assert (await server.run(order)).exit_code == 0


async def test_without_files_the_probe_is_made_again_later(boxed: Bench) -> None:
    server = boxed.server()
    with no_more_files():
        assert "Too many open files" in (await server.describe())["sandbox"]
        assert (await server.probe()).trouble
    assert not (await server.probe()).trouble
    assert server.backend == boxed.backend


async def test_what_ran_is_not_called_unstarted_because_files_ran_out(bench: Bench) -> None:
    seconds, server = unique_seconds(), bench.server()
    order = bench.order(f"echo begun; sleep {seconds}")
    task = asyncio.create_task(server.run(order))
    await eventually(lambda: sleepers(seconds))
    launcher = bench.holder(order)
    with no_more_files():
        os.kill(launcher, signal.SIGKILL)
        outcome = await task
        with pytest.raises(UnavailableError, match="cannot be told now"):
            await server.trace(order)
    assert not outcome.known
    assert "Too many open files" in outcome.note
    trace = await server.trace(order)
    assert trace.traced is Traced.UNKNOWN
    assert not running(order)


async def test_an_outcome_survives_that_files_run_out(bench: Bench) -> None:
    go, server = bench.effects / "go", bench.server(output_cap_bytes=64)
    text = f"touch {bench.effects}/begun; until [ -e {go} ]; do sleep 0.02; done; seq 1000"
    task = asyncio.create_task(server.run(bench.host(text, proof=Proof.UNKNOWN)))
    await eventually((bench.effects / "begun").exists)
    os.mkfifo(go)
    with no_more_files():
        outcome = await task
    assert outcome.known
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("1\n2\n")


async def test_patience_does_not_end_what_it_cannot_see(bench: Bench) -> None:
    seconds, server = unique_seconds(), bench.server()
    order = bench.order(f"sleep {seconds}")
    task = asyncio.create_task(server.run(order))
    await eventually(lambda: sleepers(seconds))
    with no_more_files(), pytest.raises(UnavailableError, match="cannot be told now"):
        await bench.server().trace(replace(order, patience_s=60.0))
    assert sleepers(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_state_folder_that_is_none(bench: Bench) -> None:
    server = bench.server()
    await server.run(bench.order("true"))
    state = bench.folder / "state"
    state.rename(bench.folder / "moved")
    state.write_text("")
    order = bench.order("true")
    with pytest.raises(ExecutionError, match="not started: File exists"):
        await server.run(order)
    with pytest.raises(UnavailableError, match="cannot be told now"):
        await server.trace(order)
    await server.release(order.run_id)
    await server.forget(order.run_id)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
async def test_no_process_can_be_had(bench: Bench, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    server, order = bench.server(), bench.order("true")
    await server.probe()

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", fails)
        with pytest.raises(ExecutionError, match="not started"):
            await server.run(order)
    assert (await server.run(order)).exit_code == 0


async def test_no_thread_can_be_had() -> None:
    def fails() -> None:
        raise RuntimeError("can't start new thread")

    with pytest.raises(BlockingIOError) as caught:
        await aside(fails)
    assert words_of(caught.value) == "can't start new thread"
    assert "TasksMax" in fix_of(caught.value)


@pytest.mark.parametrize("given", [{"cwd": "a\0b"}, {"cwd": "x" * 5000}, {"writable": ("/a\0b",)}], ids=repr)
async def test_names_no_system_call_takes(bench: Bench, given: dict[str, str]) -> None:
    with pytest.raises(ExecutionError, match="not started"):
        await bench.server().run(bench.host("true", proof=Proof.EFFECT, **given))
