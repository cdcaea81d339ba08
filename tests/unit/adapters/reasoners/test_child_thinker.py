"""The parent's side, with small programs in the place of a framework."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_shell import eventually
from opsagent.adapters.reasoners.chat_models import ModelConfig
from opsagent.adapters.reasoners.child import ChildConfig, ChildThinker
from opsagent.errors import ConfigurationError, ModelRefused, ModelUnavailable
from thinkers import prompt

GOOD = {"text": "yes", "voices": ["a", "b"], "input_tokens": 5, "output_tokens": 7, "turned_away": []}
ANSWER = "import json, signal, sys\nasked = json.loads(sys.stdin.readline())\n"
SAY = "print(json.dumps(said), flush=True)\nsignal.pause()\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where children live; nothing is left there."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield temporary
    assert not list(temporary.iterdir())


def thinker(body: str, **changes: object) -> ChildThinker:
    model = ModelConfig(model="openai:scripted", key="sk-the-key", timeout_s=60.0)
    program = (sys.executable, "-I", "-c", body)
    return ChildThinker(ChildConfig(**({"framework": "autogen", "model": model, "program": program} | changes)))


def saying(said: dict[str, object]) -> str:
    return f"{ANSWER}said = {said!r}\n{SAY}"


async def test_an_answer_is_read() -> None:
    thought = await thinker(saying(GOOD)).think(prompt())
    assert (thought.text, thought.voices) == ("yes", ("a", "b"))
    assert (thought.usage.input_tokens, thought.usage.output_tokens) == (5, 7)


async def test_the_child_is_told_the_question_and_lives_in_a_folder_of_its_own(folder: Path) -> None:
    told = (
        f"{ANSWER}import os\nsaid = {GOOD!r}\n"
        "said['text'] = json.dumps([asked, dict(os.environ), sys.argv, os.getcwd()])\n" + SAY
    )
    thought = await thinker(told, surroundings={"HTTPS_PROXY": "http://proxy:1"}, also=("proxy",)).think(
        prompt("why?", model="openai:another", output_tokens=9)
    )
    asked, environment, argv, cwd = json.loads(thought.text)
    assert asked["model"]["key"] == "sk-the-key"
    assert asked["model"]["model"] == "openai:another"
    assert (asked["prompt"]["user"], asked["prompt"]["output_tokens"]) == ("why?", 9)
    assert (asked["framework"], asked["also"]) == ("autogen", ["proxy"])
    assert cwd == environment["HOME"] == environment["TMPDIR"]
    assert Path(cwd).parent == folder
    assert "sk-the-key" not in json.dumps([environment, argv])
    assert "PATH" not in environment
    assert environment["HTTPS_PROXY"] == "http://proxy:1"
    assert environment["CREWAI_DISABLE_TELEMETRY"] == "true"
    assert environment["LANGSMITH_TRACING"] == "false"


@pytest.mark.parametrize(
    "body",
    [
        "import sys; sys.exit(3)",
        f"{ANSWER}print('no JSON', flush=True); signal.pause()",
        f"{ANSWER}sys.stdout.write('x' * (5 << 20)); sys.stdout.flush(); signal.pause()",
        f"{ANSWER}sys.stdout.write('half'); sys.stdout.flush(); sys.exit()",
        f"{ANSWER}import os; os.kill(os.getpid(), 9)",
    ],
    ids=["dies before it is asked", "no JSON", "no end", "half a line", "is killed"],
)
async def test_a_child_without_an_answer(body: str) -> None:
    with pytest.raises(ModelUnavailable, match="ended without an answer"):
        await thinker(body).think(prompt("long " * 100_000))


async def test_failures_come_back_as_they_were() -> None:
    spent = {"input_tokens": 3, "output_tokens": 4, "turned_away": []}
    later = {"failed": "model-unavailable", "message": "busy", "fix": "wait", "retry_after_s": 7.5} | spent
    with pytest.raises(ModelUnavailable, match="busy") as caught:
        await thinker(saying(later)).think(prompt())
    assert (caught.value.retry_after_s, caught.value.input_tokens, caught.value.output_tokens) == (7.5, 3, 4)
    with pytest.raises(ModelRefused):
        await thinker(saying(later | {"failed": "model-refused"})).think(prompt())
    with pytest.raises(ConfigurationError):
        await thinker(saying(later | {"failed": "configuration"})).think(prompt())
    with pytest.raises(ModelUnavailable, match="autogen broke: KeyError"):
        await thinker(saying({"failed": "broken", "message": "KeyError: 'x'", "turned_away": []})).think(prompt())


async def test_a_host_that_was_turned_away_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await thinker(saying(GOOD | {"turned_away": ["telemetry.example"]})).think(prompt())
    assert "telemetry.example" in caplog.text


async def test_cancelling_ends_all_the_child_started() -> None:
    body = f"{ANSWER}import subprocess\nsubprocess.Popen(['sleep', '98761'])\nsignal.pause()\n"
    task = asyncio.create_task(thinker(body).think(prompt()))
    mine = psutil.Process()
    await eventually(lambda: any("98761" in one.cmdline() for one in mine.children(recursive=True)))
    started = mine.children(recursive=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started))


async def test_only_so_many_live_at_once(folder: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    body = f"{ANSWER}import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\nsaid = {GOOD!r}\n{SAY}"
    one = thinker(body, at_once=1)
    tasks = [asyncio.create_task(one.think(prompt())) for _ in range(3)]
    await eventually(lambda: len(list(folder.iterdir())) == 1)
    tasks[1].cancel()
    go.touch()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(answer, "text", type(answer).__name__) for answer in answers] == ["yes", "CancelledError", "yes"]


def test_a_framework_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "crewai", raising=False)
    with pytest.raises(ConfigurationError, match="needs the package crewai") as caught:
        thinker("", framework="crewai")
    assert "opsagent[crewai]" in caught.value.fix
