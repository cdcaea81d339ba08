"""The whole demo as a person runs it: yes to all, no, nobody there, stopped half-way, killed."""

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opsagent.cli.demo.incidents import INCIDENTS

DEMO = (sys.executable, "-P", "-m", "opsagent", "demo")


def environment(tmp_path, columns=80):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSAGENT_")}
    return kept | {"TMPDIR": str(tmp_path), "COLUMNS": str(columns), "TERM": "xterm"}


def timelines(tmp_path):
    return sorted(tmp_path.glob("opsagent-demo-*/timelines/*.json"))


def left_running(tmp_path):
    """Command lines of processes that name the demo's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(tmp_path) in line:
                found.append(line)
    return found


class Terminal:
    """The demo in a terminal of its own."""

    def __init__(self, process, descriptor):
        self.process, self.descriptor, self.text = process, descriptor, ""
        self.ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self):
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self.descriptor)
            self.ended.set()
        self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))

    async def until(self, words, limit_s=60.0):
        async with asyncio.timeout(limit_s):
            while words not in self.text:
                assert not self.ended.is_set(), self.text
                await asyncio.sleep(0.02)

    def type(self, line):
        os.write(self.descriptor, line.encode())

    async def code(self, limit_s=60.0):
        async with asyncio.timeout(limit_s):
            await self.ended.wait()
            return await self.process.wait()


@contextlib.asynccontextmanager
async def terminal(tmp_path, *arguments):
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *DEMO,
        *arguments,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(tmp_path),
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(theirs)
    one = Terminal(process, ours)
    try:
        yield one
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        os.close(ours)


def test_yes_to_all_repairs_three_and_leaves_the_false_alarm_alone(tmp_path):
    done = subprocess.run(
        [*DEMO, "--yes"],
        env=environment(tmp_path),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    rows = [line for line in done.stdout.splitlines() if line.startswith(tuple(one.title for one in INCIDENTS))]
    assert [re.search(r"(repaired|false positive) *$", row).group(1) for row in rows] == ["repaired"] * 3 + [
        "false positive"
    ]
    cut = [line for line in done.stdout.splitlines() if not line.startswith(("folder", "timelines"))]
    assert max(map(len, cut)) <= 80
    incidents = [json.loads(path.read_text()) for path in timelines(tmp_path)]
    effects = [
        [step["name"] for step in one["session"]["steps"] if step["outcome"] and step["decision"] == "ASK"]
        for one in incidents
    ]
    assert effects == [["start-shop"], ["good-config", "restart-shop"], ["delete-leftovers"], []]
    assert [one["run"]["verified"] for one in incidents] == ["yes"] * 4
    assert [one["ticket"]["status"] for one in incidents] == ["resolved"] * 3 + ["closed"]
    assert {one["run"]["alert"] for one in incidents} == {"ShopDown"}
    kept = {path.name for path in tmp_path.glob("opsagent-demo-*/*")}
    assert kept == {"timelines"}
    assert left_running(tmp_path) == []


async def test_a_no_changes_nothing_and_is_exit_1(tmp_path):
    async with terminal(tmp_path) as screen:
        await screen.until("Run it?")
        screen.type("show\n")
        await screen.until("Commands")
        screen.type("n\n")
        assert await screen.code() == 1, screen.text
    assert "not fixed" in screen.text
    assert screen.text.count("not run") >= 3
    (incident,) = [json.loads(path.read_text()) for path in timelines(tmp_path)]
    assert incident["run"]["hadEffect"] is False
    assert {step["decision"] for step in incident["session"]["steps"] if step["outcome"]} == {"ALLOW"}
    assert left_running(tmp_path) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_stopped_half_way_it_leaves_nothing(tmp_path, ending):
    async with terminal(tmp_path) as screen:
        await screen.until("Run it?")
        assert left_running(tmp_path)
        screen.process.send_signal(ending)
        assert await screen.code() == 130, screen.text
    assert "Stopped." in screen.text
    assert left_running(tmp_path) == []
    assert list(tmp_path.glob("opsagent-demo-*")) == []


async def test_killed_it_leaves_nothing_running(tmp_path):
    async with terminal(tmp_path) as screen:
        await screen.until("Run it?")
        screen.process.kill()
        await screen.process.wait()
    async with asyncio.timeout(10):
        while left_running(tmp_path) or list(tmp_path.glob("opsagent-demo-*/scratch")):
            await asyncio.sleep(0.05)


def test_with_nobody_to_ask_it_is_a_hint_and_exit_2(tmp_path):
    done = subprocess.run(
        DEMO,
        env=environment(tmp_path),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.glob("opsagent-demo-*")) == []
