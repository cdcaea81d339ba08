"""What every executor of ports/executor.py holds: at most once per token, and able to say what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local_shell import BACKENDS, Bench, eventually, open_folder, running, sleepers, unique_seconds
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, TokenTaken
from opsagent.ports.executor import Traced


@pytest.fixture(params=BACKENDS, ids=lambda backend: f"local-{backend}")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with open_folder() as folder:
        yield Bench(folder, request.param)


async def test_an_outcome_tells_all(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("echo out; echo err >&2; exit 3", proof=Proof.EFFECT))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (3, "out\n", "err\n")
    assert outcome.known
    assert outcome.changed is None
    assert outcome.backend == bench.backend
    assert 0 < outcome.started_at <= outcome.ended_at


async def test_a_proven_read_changed_nothing(bench: Bench) -> None:
    assert (await bench.server().run(bench.order("true"))).changed is False


async def test_a_token_carries_one_command(bench: Bench) -> None:
    server, order = bench.server(), bench.order("echo once >> log; cat log")
    assert (await server.run(order)).stdout == "once\n"
    with pytest.raises(TokenTaken):
        await server.run(order)
    assert (await server.run(bench.order("cat log"))).stdout == "once\n"


async def test_a_finished_command_is_found_again(bench: Bench) -> None:
    order = bench.order("echo found; exit 4")
    outcome = await bench.server().run(order)
    trace = await bench.server().trace(order)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome == outcome
    assert await bench.server().trace(order) == trace


async def test_what_was_traced_first_never_starts(bench: Bench) -> None:
    server, order = bench.server(), bench.order("echo never >> log")
    assert (await server.trace(order)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await server.run(order)
    assert (await server.trace(order)).traced is Traced.NEVER_STARTED
    assert (await server.run(bench.order("ls"))).stdout == ""


async def test_cancelling_kills_everything(bench: Bench) -> None:
    seconds = unique_seconds()
    server, order = bench.server(), bench.order(f"echo begun; setsid sleep {seconds} & sleep {seconds}")
    task = asyncio.create_task(server.run(order))
    await eventually(lambda: len(sleepers(seconds)) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not sleepers(seconds)
    assert not running(order)
    trace = await bench.server().trace(order)
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert trace.outcome.cancelled
    assert trace.outcome.stdout == "begun\n"


async def test_detaching_leaves_the_command_to_its_launcher(bench: Bench) -> None:
    server, order = bench.server(), bench.order("touch begun; until [ -e go ]; do sleep 0.02; done; echo done")
    folder = bench.folder / "sandbox" / order.run_id
    task = asyncio.create_task(server.run(order))
    await eventually((folder / "begun").exists)
    await server.detach(order.run_id)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (folder / "go").touch()
    trace = await bench.server().trace(replace(order, patience_s=15.0))
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert (trace.outcome.exit_code, trace.outcome.stdout) == (0, "done\n")


async def test_bytes_are_kept_and_handed_over_as_they_are(bench: Bench) -> None:
    server, content = bench.server(), bytes(range(256)) * 800
    order = replace(bench.order("cat > notes", stdin="other words"), stdin=content)
    assert (await server.keep(order, "notes")).content is None
    assert (await server.run(order)).exit_code == 0
    kept = await server.keep(order, "notes")
    assert kept.content == content
    with pytest.raises(ExecutionError):
        await server.keep(order, "nowhere/notes")


async def test_no_bytes_are_no_input(bench: Bench) -> None:
    order = replace(bench.order("wc -c", stdin="other words"), stdin=b"")
    assert (await bench.server().run(order)).stdout == "0\n"


async def test_time_runs_out(bench: Bench) -> None:
    seconds = unique_seconds()
    outcome = await bench.server().run(bench.order(f"echo begun; sleep {seconds}", timeout_s=0.3))
    assert outcome.timed_out
    assert outcome.exit_code is None
    assert outcome.stdout == "begun\n"
    assert not sleepers(seconds)


async def test_release_removes_the_folder_and_forget_the_tokens(bench: Bench) -> None:
    server, order = bench.server(), bench.order("mkdir -p a/b; touch a/b/c; chmod 000 a/b; chmod 000 a")
    await server.run(order)
    await server.release(order.run_id)
    assert not (bench.folder / "sandbox" / order.run_id).exists()
    with pytest.raises(TokenTaken):
        await server.run(order)
    await server.forget(order.run_id)
    assert not (bench.folder / "state" / order.run_id).exists()
    await server.release("never-seen")
    await server.forget("never-seen")
