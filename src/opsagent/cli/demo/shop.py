"""The demo's shop as the story sees it: its folder, its processes, and the facts that can be checked from outside."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from opsagent.cli.demo import democtl
from opsagent.errors import ConfigurationError, UnavailableError
from opsagent.ports.clock import Clock

SERVICE = "shop"
GOOD_CONFIG = """\
# shop.conf: read when the shop starts
pool_size = 8
quota_kib = 1000
"""
START_S = 20.0  # a slow machine starts Python in a few seconds
STOP_S = 5.0
LOOK_S = 0.05
FIRST_PORT, PORTS = 20_000, 10_000  # below Linux's ephemeral ports: nothing outgoing takes it while the shop is down


def free_port() -> int:
    """A TCP port of loopback that nobody listens on, and that no outgoing connection is given by the kernel."""
    for _ in range(50):
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise UnavailableError("No free port was found on 127.0.0.1.", fix="End a few programs and try again.")


def program(module: str, *arguments: str) -> tuple[str, ...]:
    """The argv of a program of the demo. `-P`: the folder the person stands in must not shadow any module."""
    return (sys.executable, "-P", "-m", f"opsagent.cli.demo.{module}", *arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an outside observer can compare: the process, how often it was restarted, its files and its orders."""

    status: Mapping[str, str]
    config_sha256: str
    files: tuple[str, ...]

    @property
    def orders(self) -> int:
        """How many orders lie in the data folder."""
        return sum(name.startswith("orders/") for name in self.files)


@dataclass(slots=True, kw_only=True)
class Shop:
    """The shop in `folder`. `start` makes everything and starts its supervisor; `close` ends all of it.

    `scratch` is what the supervisor removes at its end, so that it goes even when this process is killed.
    """

    folder: Path
    scratch: Path
    clock: Clock
    port: int = field(default_factory=free_port)
    _children: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def health_url(self) -> str:
        """Where `/healthz` is."""
        return f"http://127.0.0.1:{self.port}/healthz"

    @property
    def config(self) -> Path:
        """The configuration in force."""
        return self.folder / "shop.conf"

    @property
    def good_config(self) -> Path:
        """The last configuration that worked."""
        return self.folder / "shop.conf.good"

    @property
    def data(self) -> Path:
        """The folder with the quota."""
        return self.folder / "data"

    @property
    def cache(self) -> Path:
        """The part of the data folder that may be deleted."""
        return self.data / "cache"

    @property
    def log(self) -> Path:
        """The shop's log."""
        return self.folder / "shop.log"

    @property
    def democtl(self) -> Path:
        """The program that talks to the supervisor."""
        return self.folder / "democtl"

    def values(self) -> dict[str, str]:
        """What the runbook may name as `{{connection.NAME}}`."""
        paths = {"config": self.config, "good_config": self.good_config, "data": self.data, "cache": self.cache}
        programs = {"log": self.log, "democtl": self.democtl}
        named = {name: str(path) for name, path in (paths | programs).items()}
        return {"service": SERVICE, "health_url": self.health_url, **named}

    async def start(self) -> None:
        """Lay out the folder, start the supervisor, wait until the shop takes orders. UnavailableError."""
        (self.data / "orders").mkdir(parents=True)
        self.cache.mkdir()
        self.good_config.write_text(GOOD_CONFIG, "utf-8")
        self.config.write_text(GOOD_CONFIG, "utf-8")
        democtl.install(self.folder, sys.executable)
        argv = program("service", "--port", str(self.port), "--config", str(self.config))
        argv += ("--data", str(self.data), "--log", str(self.log))
        control = ("--name", SERVICE, "--control", str(self.folder / "control"), "--scratch", str(self.scratch))
        await self.run_beside("supervisor", *control, "--", *argv)
        if not await self.until_healthy(START_S):
            raise UnavailableError(
                "The demo's shop did not start.", fix=f"Read {self.log}; run the demo with --keep to have it kept."
            )
        await self.ctl("status")
        async with _client() as client:
            for item in ("a pound of coffee", "two lemons", "a ball of string"):
                await client.post(self.health_url.replace("/healthz", "/orders"), content=item)

    async def run_beside(self, module: str, *arguments: str) -> None:
        """Start a program of the demo that ends when this process does, in a session of its own: Ctrl-C is ours."""
        child = await asyncio.create_subprocess_exec(
            *program(module, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd=self.folder,
        )
        self._children.append(child)

    async def close(self) -> None:
        """End every program that was started, gently first."""
        for child in self._children:
            if child.stdin is not None:
                child.stdin.close()
        for child in self._children:
            try:
                await asyncio.wait_for(child.wait(), STOP_S)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(signal.SIGKILL)
                await child.wait()
        self._children.clear()

    async def healthy(self) -> bool:
        """Whether the shop answers 200 now; the demo's own look, independent of OpsAgent's."""
        try:
            async with _client() as client:
                return (await client.get(self.health_url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def until_healthy(self, limit_s: float, *, wanted: bool = True) -> bool:
        """Wait until `healthy` is as wanted; whether it became so in time."""
        limit = self.clock.monotonic() + limit_s
        while await self.healthy() is not wanted:
            if self.clock.monotonic() >= limit:
                return False
            await self.clock.sleep(LOOK_S)
        return True

    async def ctl(self, *words: str) -> Mapping[str, str]:
        """Give `democtl` these words about the shop; its answer by name. ConfigurationError where it cannot run."""
        try:
            child = await asyncio.create_subprocess_exec(
                str(self.democtl), *words, SERVICE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except OSError as problem:
            raise ConfigurationError(
                f"No program can be started from {self.folder}: {problem.strerror}.",
                fix="Set TMPDIR to a folder where programs may run (not mounted noexec), and try again.",
            ) from None
        said, _ = await child.communicate()
        if child.returncode != 0:
            raise UnavailableError(f"democtl {' '.join(words)} failed: {said.decode('utf-8', 'replace').strip()}")
        return dict(word.split("=", 1) for word in said.decode().split())

    async def facts(self) -> Facts:
        """What can be compared before and after."""
        files = [path for path in sorted(self.data.rglob("*")) if path.is_file()]
        return Facts(
            status=dict(await self.ctl("status")),
            config_sha256=hashlib.sha256(self.config.read_bytes()).hexdigest(),
            files=tuple(f"{path.relative_to(self.data)} {path.stat().st_size}" for path in files),
        )


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=2.0, trust_env=False)  # a proxy of the environment has no business on loopback


def describe(facts: Facts) -> str:
    """The facts as one line of JSON, for the timeline."""
    return json.dumps({"status": facts.status, "config": facts.config_sha256[:12], "files": len(facts.files)})
