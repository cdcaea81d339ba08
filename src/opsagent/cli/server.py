"""Runs the web app on a bound socket beside the workers, says what a person needs to know, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from opsagent.bootstrap import App, build
from opsagent.bootstrap.outfit import ServerInfo, remove_server, write_server
from opsagent.cli.acting import describe
from opsagent.cli.admin_key import ensure_admin_key
from opsagent.cli.exits import Exit
from opsagent.cli.screen import hint, say, say_json
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import ConfigurationError
from opsagent.settings import Settings
from opsagent.web.server import Server

_BACKLOG = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One server on one data folder."""

    settings: Settings
    as_json: bool

    async def run(self) -> Exit:
        """Serve until a signal. FolderInUse, ConfigurationError, PolicyUnloadable, StoreUnavailable before that."""
        async with build(self.settings) as app:
            folder = self.settings.server.data_dir
            key_file = await ensure_admin_key(folder, app.stores.keys, app.clock, app.ids)
            with bound(self.settings.server.host, self.settings.server.port) as listening:
                info = write_server(folder, host=self.settings.server.host, port=listening.getsockname()[1])
                try:
                    await self._serve(app, listening, info, key_file)
                finally:
                    remove_server(folder)
        if not self.as_json:
            hint("Stopped; what was not finished is parked and goes on at the next start.")
        return Exit.OK

    async def _serve(self, app: App, listening: socket.socket, info: ServerInfo, key_file: Path) -> None:
        server = _Server(app.web(pages=True), host=info.host, port=info.port)
        announcing = asyncio.create_task(self._announce(app, server, info, key_file))
        with _signals(server.stop):
            await server.serve(sockets=[listening])
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)

    async def _announce(self, app: App, server: _Server, info: ServerInfo, key_file: Path) -> None:
        await server.listening.wait()
        _settle()
        degraded = dict((await app.readiness()).degraded)
        switches = dict(await app.stores.control.switches(DEFAULT_TENANT))
        if self.as_json:
            about = {"url": info.url, "host": info.host, "port": info.port, "pid": info.pid, "adminKey": str(key_file)}
            say_json({**about, **switches, "degraded": degraded, "dataDir": str(self.settings.server.data_dir)})
            return
        say(f"OpsAgent listens on {info.url}")
        say(f"Data folder: {self.settings.server.data_dir}", f"Admin key:   {key_file}")
        say(*describe(switches))
        for part, why in degraded.items():
            say(f"degraded: {part}: {why}")
        if not is_loopback(self.settings.server.host):
            say(
                f"warning: {info.host} is reachable from other machines, and this speaks plain HTTP: keys could be "
                "read on the way. Put TLS in front of it, or listen on 127.0.0.1."
            )


def _settle() -> None:
    """What was made to start with stays: each look through its 200,000 objects for garbage stops all for 36 ms."""
    gc.collect()
    gc.freeze()


class _Server(Server):
    """The web's server, with the signals left to us: uvicorn's handling ends the process before the workers stop."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        super().__init__(app, host=host, port=port)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: `_signals` does it."""
        yield

    def stop(self) -> None:
        """First time: finish the open requests. Second time: do not wait for them."""
        self.force_exit = self.should_exit
        self.should_exit = True


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    caught = (signal.SIGTERM, signal.SIGINT)
    for one in caught:
        loop.add_signal_handler(one, stop)
    try:
        yield
    finally:
        for one in caught:
            loop.remove_signal_handler(one)


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to the address, closed at the end. ConfigurationError when that cannot be."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host.strip("[]"), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"{host} port {port} cannot be listened on: {(error.strerror or str(error)).lower()}.",
            fix="Stop what listens there, or choose another port: --port 0 takes a free one.",
        ) from None
    with listening:
        yield listening


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
