"""What every framework behind adapters/reasoners/thinking.py holds, over real HTTP: one question, one answer."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_shell import eventually
from opsagent.errors import ModelRefused, ModelUnavailable
from servers.model import KEY, Answer, ScriptedModel, scripted_model
from thinkers import FRAMEWORKS, Framework, config, prompt, runners

COMMAND = '{"command": "systemctl status shop"}'


class _Ear:
    """Notes which addresses this process looks up and connects to; an audit hook cannot be taken off again."""

    def __init__(self) -> None:
        self.heard: list[Any] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.heard is None:
            return
        if event == "socket.getaddrinfo":
            self.heard.append(arguments[0])
        elif event == "socket.connect" and isinstance(arguments[0], socket.socket):
            self.heard.append(arguments[1][0])


@pytest.fixture(scope="module")
def ear() -> _Ear:
    return _Ear()


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as made:
        made.on(say=COMMAND)
        yield made


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Framework:
    return FRAMEWORKS[request.param]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; whatever a test does, nothing is left there, nor under HOME, nor running."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield temporary
    assert not list(home.iterdir())
    assert not list(temporary.iterdir())
    assert not runners()


async def test_its_own_voices_ask_and_the_last_word_is_the_answer(
    framework: Framework, model: ScriptedModel, ear: _Ear, caplog: pytest.LogCaptureFixture
) -> None:
    thinker = framework.make(config(model))
    ear.heard = []
    with caplog.at_level(logging.WARNING):
        thought = await thinker.think(prompt("Why is {shop} down? {{now}} <<<äöü 🙂>>>", output_tokens=777))
    heard, ear.heard = ear.heard, None
    assert thought.text == COMMAND
    assert thought.voices == framework.voices
    assert (thought.usage.input_tokens, thought.usage.output_tokens) == model.usage()
    assert len(model.asked) == len(framework.voices)
    assert thought.usage.calls == len(framework.voices)
    assert len({one.system for one in model.asked}) == len(set(framework.voices)), "each role is seen on the wire"
    for one in model.asked:
        assert "You advise. {nothing} to fill in." in one.system
        assert "Why is {shop} down? {{now}} <<<äöü 🙂>>>" in one.user
        assert one.model == "scripted"
        assert one.output_tokens == 777
        assert one.key == KEY
    assert any('"command"' in one.text for one in model.asked), "the shape of the answer is told"
    assert KEY not in model.sent()
    assert set(heard) <= {"127.0.0.1"}
    assert not caplog.records, "a child wanted to look up another host"


async def test_each_question_stands_alone_and_text_that_is_no_json_is_passed_on(
    framework: Framework, model: ScriptedModel
) -> None:
    thinker = framework.make(config(model))
    model.on("the first", say="I would rather sing {la la")
    model.on("the second", say=COMMAND)
    first = await thinker.think(prompt("the first", model="openai:another"))
    asked = len(model.asked)
    second = await thinker.think(prompt("the second"))
    assert (first.text, second.text) == ("I would rather sing {la la", COMMAND)
    assert {one.model for one in model.asked[:asked]} == {"another"}
    assert {one.model for one in model.asked[asked:]} == {"scripted"}
    assert not any("the first" in one.text for one in model.asked[asked:]), "nothing is remembered"
    assert model.usage() == (
        first.usage.input_tokens + second.usage.input_tokens,
        first.usage.output_tokens + second.usage.output_tokens,
    )


def _then(framework: Framework, last: Answer) -> list[Answer | str]:
    """What the first voice is answered, where it is not the last, and then this."""
    return [COMMAND, last] if len(framework.voices) > 1 else [last]


async def test_a_refusal_is_said_with_what_was_spent(framework: Framework, model: ScriptedModel) -> None:
    answers = _then(framework, Answer(refusal="I will not help with that."))
    model.on(say=answers)
    with pytest.raises(ModelRefused, match="I will not help with that") as caught:
        await framework.make(config(model)).think(prompt())
    assert len(model.asked) == len(answers), "nobody asks again what was refused"
    assert (caught.value.input_tokens, caught.value.output_tokens) == model.usage()


async def test_too_many_requests_says_when_to_come_back(framework: Framework, model: ScriptedModel) -> None:
    answers = _then(framework, Answer(status=429, retry_after="7"))
    model.on(say=answers)
    with pytest.raises(ModelUnavailable) as caught:
        await framework.make(config(model)).think(prompt())
    assert caught.value.retry_after_s == 7.0
    assert (caught.value.input_tokens, caught.value.output_tokens) == model.usage()
    assert len(model.asked) == len(answers), "no framework tries again by itself"


async def test_a_silent_server_is_given_up(framework: Framework, model: ScriptedModel) -> None:
    model.on(say=Answer(hold=threading.Event()))
    with pytest.raises(ModelUnavailable, match=r"within 0\.5 s"):
        await framework.make(config(model, timeout_s=0.5)).think(prompt())
    (asked,) = model.asked
    await asyncio.to_thread(asked.left.wait, 30)
    assert asked.left.is_set()


async def test_cancelled_in_the_middle_it_leaves_nothing(
    framework: Framework, model: ScriptedModel, folder: Path
) -> None:
    answers = _then(framework, Answer(hold=threading.Event()))
    model.on(say=answers)
    task = asyncio.create_task(framework.make(config(model)).think(prompt()))
    asked = (await asyncio.to_thread(model.until, len(answers)))[-1]
    children = runners()
    assert len(children) == framework.child
    for child in children:
        assert KEY not in " ".join([*child.cmdline(), *child.environ().values()])
        assert child.environ()["HOME"].startswith(str(folder))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(asked.left.is_set)
    assert not any(child.is_running() for child in children)


async def test_a_wrong_key_is_refused_and_not_repeated(model: ScriptedModel) -> None:
    """By the asker that all of them share."""
    with pytest.raises(ModelRefused, match="refused our key") as caught:
        await FRAMEWORKS["langgraph"].make(config(model, key="sk-wrong-key-0123456789")).think(prompt())
    assert "sk-wrong" not in f"{caught.value.message} {caught.value.fix}"
