"""Asks a framework in a child process of its own for each question: killed on cancel, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from opsagent.adapters.reasoners.chat_models import ModelConfig
from opsagent.adapters.reasoners.thinking import Prompt, Thought
from opsagent.domain.run import Usage
from opsagent.errors import ConfigurationError, ModelError, ModelRefused, ModelUnavailable

log = logging.getLogger(__name__)
RUNNER = (sys.executable, "-I", "-B", "-m", "opsagent.adapters.reasoners.runner")
_PACKAGES = {"crewai": "crewai", "autogen": "autogen_agentchat"}
_LONGEST = 4 << 20  # bytes of an answer line
_MOST_CALLS = 3  # of a framework for one question
_START_S = 120.0  # CrewAI alone imports for 4 s on a quiet machine, 20 s on a busy one
# Off before anything is imported; CrewAI's own switch, because OTEL_SDK_DISABLED would end other people's telemetry too
_QUIET: Mapping[str, str] = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildConfig:
    """`framework` is crewai or autogen. `at_once` children live at a time; each takes about 250 MB.

    `surroundings` are what else of the environment a child needs: a proxy, a file of certificates, a profile for
    Bedrock. `also` are hosts it may look up beside the model's own, such as that proxy. `program` is what is started.
    """

    framework: str
    model: ModelConfig
    at_once: int = 2
    surroundings: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    program: tuple[str, ...] = RUNNER


class ChildThinker:
    """One framework, one process for each question. The key goes through a pipe, never by argv or environment."""

    def __init__(self, config: ChildConfig) -> None:
        """ConfigurationError when the framework is not installed."""
        package = _PACKAGES[config.framework]
        if importlib.util.find_spec(package) is None:
            raise ConfigurationError(
                f"The reasoner {config.framework} needs the package {package}, which is not installed.",
                fix=f"Install it: pip install 'opsagent[{config.framework}]' (crewai wants a Python below 3.14).",
            )
        self._config = config
        self._places = asyncio.Semaphore(config.at_once)

    @property
    def name(self) -> str:
        """How it is called in settings."""
        return self._config.framework

    async def think(self, prompt: Prompt) -> Thought:
        """One answer of the framework. Cancelling kills the child with all it started."""
        model = replace(self._config.model, model=prompt.model or self._config.model.model)
        question = {
            "framework": self._config.framework,
            "model": asdict(model),
            "prompt": asdict(replace(prompt, schema=dict(prompt.schema), hear=None)),
            "also": self._config.also,
        }
        async with self._places:
            home = Path(tempfile.mkdtemp(prefix="opsagent-thinking-"))
            try:
                line = await self._ask(json.dumps(question).encode() + b"\n", home, model.timeout_s)
            finally:
                shutil.rmtree(home, ignore_errors=True)
        return self._read(line)

    async def _ask(self, question: bytes, home: Path, timeout_s: float) -> bytes:
        """The answer line; empty when the child died without one."""
        folders = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        child = await asyncio.create_subprocess_exec(
            *self._config.program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=home,
            env={**self._config.surroundings, **_QUIET, **folders},
            start_new_session=True,
            limit=_LONGEST,
        )
        assert child.stdin is not None  # noqa: S101 - for the types
        assert child.stdout is not None  # noqa: S101 - as above
        try:
            async with asyncio.timeout(_START_S + _MOST_CALLS * timeout_s):
                child.stdin.write(question)
                await child.stdin.drain()
                return await child.stdout.readline()
        except TimeoutError:
            raise ModelUnavailable(f"{self.name} gave no answer in time.", fix="It is tried again later.") from None
        except (OSError, ValueError):  # it died while it was asked, or its answer had no end
            return b""
        finally:
            if child.returncode is None:  # it stays until it is killed, so the number is still its own
                with contextlib.suppress(ProcessLookupError):  # it ended by itself and was reaped this very moment
                    os.killpg(child.pid, signal.SIGKILL)
            child.stdin.close()
            await asyncio.shield(child.wait())

    def _read(self, line: bytes) -> Thought:
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError:
            raise ModelUnavailable(
                f"{self.name} ended without an answer.", fix="See that the machine has 500 MB of free memory."
            ) from None
        if said["turned_away"]:
            log.warning(
                "%s wanted to reach other hosts than the model's, and could not: %s", self.name, said["turned_away"]
            )
        if "failed" not in said:
            spent = Usage(
                input_tokens=said["input_tokens"], output_tokens=said["output_tokens"], calls=len(said["voices"])
            )
            return Thought(text=said["text"], usage=spent, voices=tuple(said["voices"]))
        raise _failure(self.name, said)


def _failure(name: str, said: Mapping[str, Any]) -> Exception:
    kinds: dict[str, type[ModelError]] = {one.code: one for one in (ModelUnavailable, ModelRefused)}
    if kind := kinds.get(said["failed"]):
        return kind(
            said["message"],
            fix=said["fix"],
            input_tokens=said["input_tokens"],
            output_tokens=said["output_tokens"],
            retry_after_s=said["retry_after_s"],
        )
    if said["failed"] == "broken":
        return ModelUnavailable(f"{name} broke: {said['message']}", fix="Try another reasoner, and report this.")
    return ConfigurationError(said["message"], fix=said["fix"])
