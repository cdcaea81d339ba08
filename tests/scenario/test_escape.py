"""The escape suite: every known way out is tried for real, and each backend holds against what it is said to."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pyseccomp
import pytest

import escapes
import local_shell
import opsagent
from escapes import ATTACKS, OURS, Attack, column, try_out, world
from local_shell import Bench, open_folder
from opsagent.adapters.executors.local import Backend

ROOT = os.geteuid() == 0
TRIED = [Backend.SECCOMP, Backend.BWRAP, Backend.RLIMITS] if shutil.which("bwrap") else [Backend.RLIMITS]
PYTHON = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"the attacks are written for {PYTHON}")


@pytest.mark.parametrize("backend", TRIED, ids=str)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_a_way_out(attack: Attack, backend: Backend, record_property: pytest.RecordProperty) -> None:
    if attack.needs_root and not ROOT:
        pytest.skip("it takes root to lay the trap")
    with open_folder() as folder:
        bench = Bench(folder, backend)
        with world(bench, filtered=backend is not Backend.BWRAP) as around:
            escaped, outcome = await try_out(attack, around)
            await around.executor.release(bench.run_id)
            assert not (folder / "sandbox" / bench.run_id).exists()
    record_property("backend", outcome.backend)
    assert outcome.backend == backend
    assert escaped is (column(backend) not in attack.held), outcome


@pytest.mark.skipif(not ROOT, reason="the suite itself is run by an ordinary user")
@pytest.mark.parametrize("backend", TRIED, ids=str)
async def test_the_same_from_a_server_that_is_not_root(backend: Backend) -> None:
    with open_folder() as folder:
        source, home = folder / "source", folder / "home"
        shutil.copytree(Path(opsagent.__file__).parent, source / "opsagent", ignore=shutil.ignore_patterns("*.pyc"))
        for module in (local_shell, escapes, pyseccomp):
            shutil.copy(str(module.__file__), source)
        home.mkdir()
        os.chown(home, OURS, OURS)
        call = [PYTHON, str(source / "escapes.py"), str(home), str(backend)]
        user = {"user": OURS, "group": OURS, "extra_groups": []}
        done = await asyncio.to_thread(
            subprocess.run, call, capture_output=True, text=True, timeout=300, cwd="/", **user
        )
    assert done.returncode == 0, done.stderr
    name = "rlimits, not root" if backend is Backend.RLIMITS else str(backend)
    expected = {one.name: name not in one.held for one in ATTACKS if not one.needs_root}
    assert json.loads(done.stdout) == expected


def test_the_strongest_stops_all_but_what_is_said() -> None:
    assert [one.name for one in ATTACKS if "bwrap+seccomp" not in one.held] == ["take memory in many processes"]
    for one in ATTACKS:  # a stronger backend never holds less
        stands = [name in one.held for name in escapes.COLUMNS]
        assert stands == sorted(stands, reverse=True), one.name


def test_the_guide_says_what_the_suite_shows() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert escapes.table() in guide, "put what `python tests/escapes.py` prints into docs/sandbox.md"
