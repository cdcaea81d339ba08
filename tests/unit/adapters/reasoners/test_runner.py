"""The child's side: what it lets through, and that it never outlives who asked."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from opsagent.adapters.reasoners.chat_models import ModelConfig
from opsagent.adapters.reasoners.child import RUNNER
from servers.model import Answer, scripted_model
from thinkers import config, prompt

TRIES = """
import json, socket, sys
from opsagent.adapters.reasoners.runner import _stay_with
away = []
_stay_with((".amazonaws.com", "127.0.0.1"), away)
passed = []
for name in json.loads(sys.argv[1]):
    try:
        socket.getaddrinfo(name, 1, flags=socket.AI_NUMERICHOST)
    except PermissionError:
        continue
    except socket.gaierror:
        pass
    passed.append(name)
print(json.dumps([passed, away]))
"""


def test_no_other_host_is_looked_up() -> None:
    names = [
        "127.0.0.1", "sts.AMAZONAWS.com.", "amazonaws.com", "telemetry.example", "evil-amazonaws.com", "127.0.0.2",
        "sts.amazonaws.com.evil.example",
    ]  # fmt: skip
    said = subprocess.run([sys.executable, "-c", TRIES, json.dumps(names)], capture_output=True, check=True).stdout
    passed, away = json.loads(said)
    assert passed == names[:2]
    assert away == names[2:]


def _question(model: ModelConfig) -> bytes:
    given = {"framework": "autogen", "model": asdict(model), "prompt": asdict(prompt()), "also": []}
    return json.dumps(given).encode() + b"\n"


@contextmanager
def _runner(question: bytes, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(RUNNER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=home) as child:
        assert child.stdin is not None
        child.stdin.write(question)
        child.stdin.flush()
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("question", [b"", b"\n", b"{}\n", b"no JSON\n"])
def test_a_question_that_is_none_ends_it_at_once(question: bytes, tmp_path: Path) -> None:
    done = subprocess.run(RUNNER, input=question, capture_output=True, cwd=tmp_path)
    assert done.returncode != 0
    assert not done.stdout


def test_it_ends_with_who_asked_and_takes_its_folder_along(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with scripted_model() as model, _runner(_question(config(model)), home) as child:
        model.on(say=Answer(hold=threading.Event()))
        (asked,) = model.until(1)
        child.stdin.close()  # as the kernel does for a parent that was killed
        assert child.wait(60) == 1
        assert asked.left.wait(60)
        assert child.stdout.read() == b""
    assert not home.exists()


def test_what_cannot_be_made_is_said_with_what_to_do(tmp_path: Path) -> None:
    with _runner(_question(ModelConfig(model="nobody:x", key="sk-somebodys-key")), tmp_path) as child:
        said = json.loads(child.stdout.readline())
    assert said["failed"] == "configuration"
    assert "anthropic:NAME" in said["fix"]
    assert "sk-somebodys-key" not in json.dumps(said)
