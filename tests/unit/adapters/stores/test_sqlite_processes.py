"""Several processes on one file, and what is left when one is killed or frozen at the worst moment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from manual_clock import SeededIds
from opsagent.adapters.clock import SystemClock
from opsagent.adapters.stores.chain import first_broken
from opsagent.adapters.stores.folder import read_audit_key
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.approval import Approval
from opsagent.domain.notice import Notice, NoticeStatus, Slots
from opsagent.domain.run import Run
from opsagent.domain.step import StepStatus
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns

Start = Callable[..., "subprocess.Popen[str]"]


async def opened(folder: Path) -> Stores:
    stores = open_sqlite(SqliteConfig(folder=folder, exclusive=False, busy_s=30), SystemClock(), SeededIds(7))
    await stores.housekeeping.open()
    return stores


async def all_runs(stores: Stores) -> set[str]:
    seen: set[str] = set()
    cursor = ""
    while True:
        page = await stores.runs.list("acme", limit=1000, cursor=cursor)
        seen |= {run.id for run in page.items}
        cursor = page.cursor
        if not cursor:
            return seen


def whole_lines(output: str) -> set[str]:
    """The kill may have cut the last one."""
    return {line for line in output.splitlines() if len(line) == 36}


async def test_processes_write_side_by_side(tmp_path: Path, child: Start) -> None:
    children = [child("create_some") for _ in range(3)]
    outputs = [(await asyncio.to_thread(one.communicate))[0] for one in children]
    acknowledged = {line for output in outputs for line in output.splitlines()}
    assert len(acknowledged) == 600
    stores = await opened(tmp_path)
    runs = await all_runs(stores)
    assert acknowledged <= runs
    assert len(runs) == 603
    for run in runs - acknowledged:  # the three shared ones
        events = await stores.journal.events("acme", run)
        assert [event.sequence for event in events] == list(range(1, 201))
    entries = await stores.audit.list("acme")
    assert len(entries) == 603
    assert first_broken(read_audit_key(tmp_path), entries) is None
    await stores.housekeeping.close()


async def test_each_run_is_claimed_by_one_process(tmp_path: Path, child: Start) -> None:
    stores = await opened(tmp_path)
    nouns = Nouns(SystemClock(), SeededIds())
    made = await asyncio.gather(*[stores.runs.create(nouns.run()) for _ in range(300)])
    children = [child("claim_all") for _ in range(3)]
    won = [line for one in children for line in (await asyncio.to_thread(one.communicate))[0].splitlines()]
    assert sorted(won) == sorted(run.id for run in made)
    await stores.housekeeping.close()


async def test_all_that_was_acknowledged_survives_kill_9(tmp_path: Path, child: Start) -> None:
    process = child("create")
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    rest = (await asyncio.to_thread(process.communicate))[0]
    stores = await opened(tmp_path)
    stored = await all_runs(stores)
    assert set(acknowledged) | whole_lines(rest) <= stored
    assert await stores.housekeeping.check() == ""
    await stores.housekeeping.close()


@pytest.mark.parametrize("place", ["before_begin", "after_begin", "before_commit", "after_commit"])
async def test_all_that_was_acknowledged_survives_the_plug(tmp_path: Path, child: Start, place: str) -> None:
    process = child("create", f"runs.create.{place}", "200", "kill")
    output = (await asyncio.to_thread(process.communicate))[0]
    assert process.returncode == -signal.SIGKILL
    acknowledged = whole_lines(output)
    assert len(acknowledged) < 200
    stores = await opened(tmp_path)
    stored = await all_runs(stores)
    assert acknowledged <= stored
    if place == "after_commit":
        assert stored - acknowledged  # safe on disk, though nobody heard of it
    await stores.housekeeping.close()


async def ready_for_an_effect(stores: Stores) -> tuple[Run, Approval]:
    nouns = Nouns(SystemClock(), SeededIds())
    run = await stores.runs.create(nouns.run())
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    question = nouns.approval(nouns.step(run))
    working = claimed[1].begin(nouns.clock.now())
    await stores.runs.save(claimed[0], Change(run=working, approvals=[question]))
    await stores.approvals.decide("acme", question.id, grant=True, by="person:ada", notes="")
    await stores.runs.release(claimed[0])
    return run, question


@pytest.mark.parametrize(("place", "happened"), [("before_commit", False), ("after_commit", True)])
async def test_a_claim_and_its_approval_stand_or_fall_together(
    tmp_path: Path, child: Start, place: str, happened: bool
) -> None:
    stores = await opened(tmp_path)
    run, question = await ready_for_an_effect(stores)
    process = child("effect", f"runs.claim_effect.{place}", "1", "kill")
    output = (await asyncio.to_thread(process.communicate))[0]
    assert (process.returncode, output) == (-signal.SIGKILL, "")
    steps = await stores.journal.steps("acme", run.id)
    used = (await stores.approvals.get("acme", question.id)).used_at is not None
    assert ([step.status for step in steps], used) == ([StepStatus.CLAIMED] if happened else [], happened)
    await stores.housekeeping.close()


async def test_a_worker_frozen_before_its_claim_is_shut_out_when_it_thaws(tmp_path: Path, child: Start) -> None:
    stores = await opened(tmp_path)
    run, question = await ready_for_an_effect(stores)
    process = child("effect", "runs.claim_effect.before_begin", "1", "stop")
    _, status = await asyncio.to_thread(os.waitpid, process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    taken = None
    while taken is None:  # its lease ends by the clock both share
        taken = await stores.runs.claim("acme", run.id, "w2", 600)
    process.send_signal(signal.SIGCONT)
    output = (await asyncio.to_thread(process.communicate))[0]
    assert output.startswith("LeaseLost")
    assert await stores.journal.steps("acme", run.id) == []
    assert (await stores.approvals.get("acme", question.id)).used_at is None
    await stores.housekeeping.close()


async def working_child(tmp_path: Path, child: Start) -> tuple[Run, subprocess.Popen[str]]:
    """A process without a server that holds a run."""
    stores = await opened(tmp_path)
    run = await stores.runs.create(Nouns(SystemClock(), SeededIds()).run())
    await stores.housekeeping.close()
    process = child("work_on")
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "working\n"
    return run, process


def server(folder: Path) -> Stores:
    return open_sqlite(SqliteConfig(folder=folder, busy_s=30), SystemClock(), SeededIds(9))


@pytest.mark.parametrize("frozen", [False, True])
async def test_a_server_that_starts_takes_nothing_from_a_process_that_lives(
    tmp_path: Path, child: Start, frozen: bool
) -> None:
    run, process = await working_child(tmp_path, child)
    if frozen:
        process.send_signal(signal.SIGSTOP)
        _, status = await asyncio.to_thread(os.waitpid, process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
    stores = server(tmp_path)
    await stores.housekeeping.open()
    assert await stores.runs.due(10) == []
    assert await stores.runs.claim("acme", run.id, "server", 30) is None
    process.send_signal(signal.SIGCONT)
    output = (await asyncio.to_thread(process.communicate, "go on\n"))[0]
    assert output == "saved\n"
    await stores.housekeeping.close()


async def test_a_server_that_starts_takes_over_what_a_killed_process_held(tmp_path: Path, child: Start) -> None:
    run, process = await working_child(tmp_path, child)
    process.kill()
    await asyncio.to_thread(process.wait)
    stores = server(tmp_path)
    await stores.housekeeping.open()
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]
    beside = await opened(tmp_path)  # nobody is kept out once the server is up
    claimed = await beside.runs.claim("acme", run.id, "local", 600)
    assert claimed is not None
    await stores.housekeeping.close()
    await stores.housekeeping.open()
    await beside.runs.save(claimed[0], Change(run=claimed[1]))
    await beside.housekeeping.close()
    await stores.housekeeping.close()


async def sending(folder: Path) -> tuple[Stores, Notice]:
    """A notice that a process beside the server is sending."""
    stores = await opened(folder)
    (made,) = await stores.notices.add([Nouns(SystemClock(), SeededIds()).notice()])
    (taken,) = await stores.notices.take(Slots(), 600)
    assert taken.id == made.id
    return stores, taken


async def test_a_notice_that_was_being_sent_is_due_at_the_next_start_as_a_possible_repeat(tmp_path: Path) -> None:
    beside, made = await sending(tmp_path)
    await beside.housekeeping.close()  # all that a kill leaves of it is in the file
    stores = server(tmp_path)
    await stores.housekeeping.open()
    (taken,) = await stores.notices.take(Slots(), 600)
    assert (taken.id, taken.possible_repeat) == (made.id, True)
    await stores.housekeeping.close()


async def test_a_notice_in_the_hands_of_a_process_that_lives_is_left_to_it(tmp_path: Path) -> None:
    beside, made = await sending(tmp_path)
    stores = server(tmp_path)
    await stores.housekeeping.open()
    assert await stores.notices.take(Slots(), 600) == []
    await beside.notices.mark(made, replace(made, status=NoticeStatus.DELIVERED))
    await beside.housekeeping.close()
    await stores.housekeeping.close()
    await stores.housekeeping.open()
    left = await stores.notices.get(made.tenant, made.id)
    assert (left.status, left.possible_repeat) == (NoticeStatus.DELIVERED, False)
    await stores.housekeeping.close()
