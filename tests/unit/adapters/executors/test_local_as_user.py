"""The same executor in a server that is not root, which is how it should be run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyseccomp
import pytest

import local_shell
import opsagent
from local_shell import BACKENDS, NOBODY, open_folder

PROGRAM = """
import asyncio, dataclasses, json, sys
sys.path[:0] = sys.argv[1:2]
from pathlib import Path
from local_shell import Bench, running, sleepers
from opsagent.adapters.executors.local import Backend, harden_process
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError

async def main():
    assert harden_process()
    home = Path(sys.argv[2])
    bench = Bench(home, Backend(sys.argv[3]))
    server = bench.server()
    said = {"described": await server.describe()}
    async def run(name, order):
        outcome = await server.run(order)
        said[name] = [outcome.exit_code, outcome.stdout, outcome.stderr, outcome.backend, len(running(order))]
        return order
    first = await run("sandbox", bench.order("id -u; pwd; touch f /tmp/f-$$ && rm -f /tmp/f-$$; cat /proc/1/environ"))
    said["trace"] = (await bench.server().trace(first)).traced
    await run("escape", bench.order("setsid sleep 611.5 & sleep 611.5", timeout_s=0.3))
    said["left"] = sleepers("611.5")
    (home / "machine").mkdir()
    conf = home / "machine" / "app.conf"
    conf.write_text("old")
    (home / "token").write_text("private")
    server = bench.server(secret_paths=(str(home / "token"), "/etc/shadow", "/root/.ssh"))
    await run("read", bench.host(f"cat {conf} {home}/token {home}/state/*/*; echo x > {conf}"))
    writes = {"writes": (str(conf),)}
    text = f"echo new > {conf}; echo x > {home}/effects/x"
    await run("effect", bench.host(text, proof=Proof.EFFECT, manifest=writes))
    said["conf"] = conf.read_text()
    looks = f"tr '\\\\0' ' ' < /proc/{__import__('os').getpid()}/environ"
    await run("environ", bench.host(looks))
    await run("environ-open", bench.host(looks, proof=Proof.UNKNOWN))
    said["kept"] = (await server.keep(bench.host("true"), str(conf))).content.decode()
    (home / "locked").mkdir(mode=0)
    try:
        await server.keep(bench.host("true"), str(home / "locked" / "missing"))
    except ExecutionError as error:
        said["hidden"] = error.message
    await server.release(bench.run_id)
    said["released"] = not (home / "sandbox" / bench.run_id).exists()
    print(json.dumps(said))

asyncio.run(main())
"""


def interpreter() -> str:
    """A Python that an ordinary user may start: the tests' own often lies in somebody's home."""
    for found in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin")):
        if found:
            call = [found, "-c", "import sys; assert sys.version_info >= (3, 11)"]
            try:
                subprocess.run(call, check=True, capture_output=True, cwd="/", **as_user())
            except (OSError, subprocess.CalledProcessError):
                continue
            return found
    raise AssertionError("no Python 3.11 here that an ordinary user may start")


def as_user() -> dict[str, object]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(params=BACKENDS, ids=str)
def said(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    with open_folder() as folder:
        source, home = folder / "source", folder / "home"
        shutil.copytree(Path(opsagent.__file__).parent, source / "opsagent", ignore=shutil.ignore_patterns("*.pyc"))
        for module in (local_shell, pyseccomp):
            shutil.copy(str(module.__file__), source)
        home.mkdir()
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        call = [interpreter(), "-c", PROGRAM, str(source), str(home), str(request.param)]
        done = subprocess.run(
            call,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd="/",
            env={"API_KEY": "very-secret"},
            **as_user(),
        )
        assert done.returncode == 0, done.stderr
        yield {"backend": request.param, "home": str(home), **json.loads(done.stdout)}


def test_a_server_that_is_not_root(said: dict) -> None:
    uid = NOBODY if os.geteuid() == 0 else os.geteuid()
    boxed = said["backend"].boxed
    assert said["sandbox"][1].split()[0] == str(uid)
    assert said["sandbox"][3] == said["backend"]
    assert said["trace"] == "finished"
    assert said["left"] == []
    assert said["released"]
    assert "very-secret" not in said["environ"][1] + said["environ-open"][1]
    assert said["environ"][0] != 0
    assert said["effect"][3] == ("bwrap" if boxed else "rlimits")  # an effect on the host goes without the filter
    assert said["conf"] == said["kept"] == "new\n"
    assert "cannot be kept: Permission denied" in said["hidden"]
    if boxed:
        assert said["read"][1] == "old"
        assert "Read-only file system" in said["read"][2]
        assert "Read-only file system" in said["effect"][2]
        assert "show as nobody" in said["described"]["host view"]
    else:
        assert "every file of this user" in said["described"]["sandbox"]
