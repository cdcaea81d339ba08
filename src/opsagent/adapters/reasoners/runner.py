"""The child process in which a framework answers one question: one JSON line in, one JSON line out.

Started as `python -I -m opsagent.adapters.reasoners.runner`, in a session and a folder of its own, with an environment
of a few names. It ends when its standard input does, so it never outlives who asked. What the framework prints goes
nowhere. A call that fails ends the process with its reason: no framework tries again behind our back.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from opsagent.adapters.reasoners.asking import Asker, Said
from opsagent.adapters.reasoners.chat_models import ModelConfig, hosts
from opsagent.adapters.reasoners.thinking import Prompt
from opsagent.errors import ModelError, OpsAgentError

FRAMEWORKS = {"crewai": "crewai", "autogen": "autogen"}  # the name in settings, and the module beside this one
LONGEST = 16 << 20
_FILE_BYTES = 64 << 20
_WORDS_CHARS = 500


class _Channel:
    """Says one line to who asked, and then nothing more."""

    def __init__(self, out: BinaryIO, key: str) -> None:
        self._out, self._key = out, key
        self.turned_away: list[str] = []

    def answer(self, said: dict[str, Any]) -> NoReturn:
        self._out.write(json.dumps({**said, "turned_away": self.turned_away}).encode() + b"\n")
        self._out.flush()
        while True:  # until it is killed: its number stays its own until then
            signal.pause()

    def fail(self, error: OpsAgentError) -> NoReturn:
        spent = {"input_tokens": 0, "output_tokens": 0, "retry_after_s": None}
        if isinstance(error, ModelError):
            spent = {name: getattr(error, name) for name in spent}
        self.answer({"failed": error.code, "message": error.message, "fix": error.fix, **spent})

    def broke(self, error: Exception) -> NoReturn:
        words = f"{type(error).__name__}: {error}"
        words = words.replace(self._key, "[redacted]") if self._key else words
        self.answer({"failed": "broken", "message": words[:_WORDS_CHARS]})


class _LastAsker(Asker):
    """An asker whose first failure is the process's last word."""

    def __init__(self, config: ModelConfig, channel: _Channel, *, output_tokens: int) -> None:
        super().__init__(config, output_tokens=output_tokens)
        self._channel = channel

    async def ask(self, voice: str, messages: Sequence[Said]) -> str:
        try:
            return await super().ask(voice, messages)
        except ModelError as error:
            self._channel.fail(error)


def main() -> NoReturn:
    """Read the question, answer it, end."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the key
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    out = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    given = json.loads(sys.stdin.buffer.readline(LONGEST))
    threading.Thread(target=_end_with_input, daemon=True).start()
    config, prompt = ModelConfig(**given["model"]), Prompt(**given["prompt"])
    channel = _Channel(out, config.key)
    _stay_with((*hosts(config), *given["also"]), channel.turned_away)
    try:
        gc.disable()  # what an import makes stays, so looking for garbage in between costs 0.6 s of CrewAI's 4.3 s
        framework = importlib.import_module(f"{__package__}.{FRAMEWORKS[given['framework']]}")
        gc.enable()
        asker = _LastAsker(config, channel, output_tokens=prompt.output_tokens)
        text = asyncio.run(framework.converse(prompt, asker))
    except OpsAgentError as error:
        channel.fail(error)
    except Exception as error:  # noqa: BLE001 - a process of its own: whatever a framework raises, it answers in words
        channel.broke(error)
    channel.answer({"text": text, "voices": asker.voices, **asdict(asker.usage)})


def _end_with_input() -> None:
    """Who asked is gone, or wants no answer any more."""
    while sys.stdin.buffer.read(1):
        continue
    shutil.rmtree(Path.cwd(), ignore_errors=True)
    os._exit(1)


def _stay_with(allowed: Sequence[str], turned_away: list[str]) -> None:
    """Let Python look up no other host than these, whatever a framework would like to report."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            name = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0] or "")
            lower = name.lower().rstrip(".")
            if not any(lower == one or (one.startswith(".") and lower.endswith(one)) for one in allowed):
                turned_away.append(name)
                raise PermissionError(f"{name} is not the model's host")

    sys.addaudithook(watch)


if __name__ == "__main__":
    main()
