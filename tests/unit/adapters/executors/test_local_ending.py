"""Nothing a command started outlives it, whatever it did to get away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest

from local_shell import Bench, eventually, running, sleepers, state_of, unique_seconds
from opsagent.adapters.executors.local import Limits
from opsagent.domain.manifest import Proof

ESCAPES = [
    "sleep {0} &",
    "setsid sleep {0} &",
    "setsid setsid sh -c 'setsid sleep {0} & wait' >/dev/null 2>&1 &",
    "(trap '' TERM HUP INT; sleep {0}) &",
    "nohup sleep {0} >/dev/null 2>&1 & disown",
    "env -i setsid sleep {0} </dev/null >/dev/null 2>&1 &",
]
# wait until the escape has happened, so that there is something to end
SEEN = "until grep -qs sleep /proc/[0-9]*/comm; do :; done; "


@pytest.mark.parametrize("escape", ESCAPES)
async def test_after_a_normal_end(bench: Bench, escape: str) -> None:
    seconds = unique_seconds()
    outcome = await bench.server().run(bench.order(f"{escape.format(seconds)}\n{SEEN} echo end"))
    assert (outcome.exit_code, outcome.stdout) == (0, "end\n")
    assert not sleepers(seconds)


@pytest.mark.parametrize("escape", ESCAPES)
async def test_after_its_time(bench: Bench, escape: str) -> None:
    seconds = unique_seconds()
    outcome = await bench.server().run(bench.order(f"{escape.format(seconds)}\nsleep {seconds}", timeout_s=0.4))
    assert outcome.timed_out
    assert not sleepers(seconds)


@pytest.mark.parametrize("escape", ESCAPES[:-1])
async def test_after_its_launcher_was_killed(bench: Bench, escape: str) -> None:
    seconds = unique_seconds()
    order = bench.order(f"{escape.format(seconds)}\nsleep {seconds}")
    task = asyncio.create_task(bench.server().run(order))
    await eventually(lambda: len(sleepers(seconds)) == 2)
    os.kill(bench.holder(order), signal.SIGKILL)
    assert not (await task).known
    assert not sleepers(seconds)


async def test_bwrap_leaves_nothing_even_without_a_mark(boxed: Bench) -> None:
    seconds = unique_seconds()
    order = boxed.order(f"env -i setsid sleep {seconds} & sleep {seconds}")
    task = asyncio.create_task(boxed.server().run(order))
    await eventually(lambda: len(sleepers(seconds)) == 2)
    os.kill(boxed.holder(order), signal.SIGKILL)
    assert not (await task).known
    await eventually(lambda: not sleepers(seconds))


async def test_a_person_is_told_what_was_ended(weak: Bench) -> None:
    seconds = unique_seconds()
    outcome = await weak.server().run(weak.order(f"setsid sleep {seconds} & {SEEN}"))
    assert "needs a supervisor" in outcome.note


async def test_term_comes_before_kill(bench: Bench) -> None:
    text = "trap 'echo tidy; exit 7' TERM; while :; do sleep 0.02; done"
    outcome = await bench.server(grace_s=10.0).run(bench.order(text, timeout_s=0.4))
    assert outcome.stdout == "tidy\n"
    assert outcome.timed_out
    assert outcome.exit_code == 7


async def test_kill_comes_for_what_ignores_term(bench: Bench) -> None:
    seconds = unique_seconds()
    outcome = await bench.server(grace_s=0.2).run(
        bench.order(f"trap '' TERM; sleep {seconds}; sleep {seconds}", timeout_s=0.3)
    )
    assert outcome.timed_out
    assert outcome.exit_code is None
    assert outcome.signal == signal.SIGKILL
    assert not sleepers(seconds)


async def test_a_fork_bomb_meets_its_limit(bench: Bench) -> None:
    order = bench.order(":() { : | : & }; : ; sleep 30", timeout_s=1.0)
    outcome = await bench.server(limits=Limits(tasks=40)).run(order)
    assert outcome.known
    assert "fork" in outcome.stderr
    assert not running(order)


async def test_cancelling_twice_still_sees_it_through(bench: Bench) -> None:
    seconds = unique_seconds()
    order = bench.order(f"trap '' TERM; sleep {seconds}; sleep {seconds}")
    task = asyncio.create_task(bench.server().run(order))
    await eventually(lambda: sleepers(seconds))
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not sleepers(seconds)
    assert bench.recorded(order)["cancelled"]


async def test_cancelling_a_frozen_launcher_kills_it(bench: Bench) -> None:
    order = bench.order("sleep 30")
    task = asyncio.create_task(bench.server(failpoints={"after-fork": "stop"}, grace_s=0.1).run(order))
    launcher = await bench.frozen(order)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert state_of(launcher) in ("", "Z")
    assert not running(order)


async def test_a_waiting_command_can_be_cancelled(weak: Bench) -> None:
    seconds, server = unique_seconds(), weak.server()
    first = asyncio.create_task(server.run(weak.order(f"sleep {seconds}")))
    await eventually(lambda: sleepers(seconds))
    order = weak.order("echo second")
    second = asyncio.create_task(server.run(order))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()
    for task in (first, second):
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert not weak.token(order).is_symlink()


async def test_commands_without_namespaces_run_one_at_a_time(weak: Bench) -> None:
    server = weak.server()
    text = f"mkdir {weak.effects}/turn && sleep 0.05 && rmdir {weak.effects}/turn"
    orders = [weak.host(text, proof=Proof.EFFECT) for _ in range(4)]
    assert {outcome.exit_code for outcome in await asyncio.gather(*map(server.run, orders))} == {0}
