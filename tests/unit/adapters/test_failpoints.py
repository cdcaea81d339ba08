"""A failpoint acts once, where and when it was armed, and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from opsagent.adapters.failpoints import Action, FailpointHit, Failpoints

SCRIPT = """
from opsagent.adapters.failpoints import Action, Failpoints
points = Failpoints("here", 2, Action(%r))
points.hit("here")
print("one", flush=True)
points.hit("here")
print("two", flush=True)
"""


def test_it_raises_at_the_nth_hit_only() -> None:
    points = Failpoints("here", 2, Action.RAISE)
    points.hit("here")
    points.hit("there")
    with pytest.raises(FailpointHit, match="here"):
        points.hit("here")
    points.hit("here")


def test_without_a_name_it_never_acts() -> None:
    Failpoints().hit("here")


def start(action: Action) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT % action.value], stdout=subprocess.PIPE, text=True)


def test_kill_leaves_nothing_to_clean_up() -> None:
    with start(Action.KILL) as process:
        assert process.communicate()[0] == "one\n"
    assert process.returncode == -signal.SIGKILL


def test_stop_holds_until_continued() -> None:
    with start(Action.STOP) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        assert process.communicate()[0] == "one\ntwo\n"
