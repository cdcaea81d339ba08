"""Sets the stage: OpsAgent on embedded defaults in a temporary folder, the shop, and the prober that watches it."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import shlex
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import uvicorn

from opsagent.bootstrap import App, build
from opsagent.cli.demo.shop import LOOK_S, SERVICE, Shop, program
from opsagent.cli.person import person
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.identity import DEFAULT_TENANT, Principal
from opsagent.errors import ConfigurationError, UnavailableError
from opsagent.settings import Settings

WRITTEN_FOR = "/opt/shop/democtl"  # where runbook and policy say democtl is; the demo writes the real place there


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the demo lives. `scratch` is removed at the end, `timelines` stays."""

    root: Path

    @property
    def scratch(self) -> Path:
        """Everything that is removed at the end."""
        return self.root / "scratch"

    @property
    def shop(self) -> Path:
        """The shop's folder."""
        return self.scratch / "shop"

    @property
    def hook_secret(self) -> Path:
        """The file with the secret that alerts carry; the prober and OpsAgent know it."""
        return self.scratch / "alertmanager.secret"

    @property
    def timelines(self) -> Path:
        """What is kept."""
        return self.root / "timelines"

    @classmethod
    def make(cls) -> Folders:
        """Fresh folders, readable by this user only. ConfigurationError where none can be made."""
        try:
            folders = cls(root=Path(tempfile.mkdtemp(prefix="opsagent-demo-")).resolve())
            folders.shop.mkdir(parents=True)
            folders.timelines.mkdir()
        except OSError as problem:
            raise ConfigurationError(
                f"The demo cannot make its folder: {problem.strerror}.",
                fix="Set TMPDIR to a folder you may write to, and try again.",
            ) from None
        return folders

    @property
    def log(self) -> Path:
        """What OpsAgent warns of, if it does."""
        return self.timelines / "opsagent.log"

    def clean(self) -> None:
        """Remove what is not kept; all of it where no timeline was written."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        with suppress(OSError):  # not empty: it is kept
            self.timelines.rmdir()
            self.root.rmdir()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything is up: the app serves at `url`, the shop takes orders, `person` sits at the terminal."""

    app: App
    shop: Shop
    folders: Folders
    url: str
    person: Principal

    @property
    def webhook(self) -> str:
        """Where alerts go."""
        return f"{self.url}/api/v1/tickets/webhook/alertmanager"

    async def start_prober(self) -> None:
        """Let the prober watch the shop from outside."""
        await self.shop.run_beside("prober", *self._telling("prober"), "--url", self.shop.health_url)

    async def cry_wolf(self) -> None:
        """Somebody sends the alert although nothing is wrong. UnavailableError when it was not taken."""
        said = ("--say", "a customer says the shop is down")
        somebody = await asyncio.create_subprocess_exec(*program("prober", *self._telling("somebody"), *said))
        if await somebody.wait():
            raise UnavailableError("OpsAgent did not take the alert.", fix="Run the demo again.")

    def _telling(self, who: str) -> tuple[str, ...]:
        secret = ("--secret-file", str(self.folders.hook_secret), "--log", str(self.folders.scratch / f"{who}.log"))
        return ("--webhook", self.webhook, "--service", SERVICE, *secret)


def demo_settings(folders: Folders, policy: Path) -> Settings:
    """The embedded defaults in the demo's folder; the environment is left out, so that the demo is the same anywhere.

    Different from a new installation: commands may reach this machine, a measured false positive is closed without a
    person, the same alert is measured each time, and verify waits seconds, not a minute.
    """
    hook_secret = secrets.token_urlsafe(32)
    folders.hook_secret.touch(mode=0o600)
    folders.hook_secret.write_text(hook_secret, "utf-8")
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    overrides: dict[str, object] = {
        "data_dir": folders.scratch / "opsagent",
        "sandbox_root": folders.scratch / "runs",
        "host_reach": True,
        "cooldown_seconds": 0,  # four repairs of one machine, and a person who watches
        "auto_close": True,
        "admin_policy_file": policy,
        "credential_encryption_key": key,
        "webhook_secrets": {"alertmanager": hook_secret},
        "measure_every_seconds": 0,
        "settle_seconds": 10,
        "sweep_seconds": 0.2,
    }
    return Settings.load(overrides, environ={})


@asynccontextmanager
async def set_stage(folders: Folders) -> AsyncIterator[Stage]:
    """Bring everything up; at the end, whatever the reason, take all of it down and remove the scratch folder."""
    policy = folders.scratch / "policy.yaml"
    policy.write_text(
        _packaged("policy.yaml", json.dumps(WRITTEN_FOR), json.dumps(str(folders.shop / "democtl"))), "utf-8"
    )
    app = build(demo_settings(folders, policy))
    shop = Shop(folder=folders.shop, scratch=folders.scratch, clock=app.clock)
    try:
        await shop.start()
        async with app, _serving(app) as url:
            stage = Stage(app=app, shop=shop, folders=folders, url=url, person=person(DEFAULT_TENANT))
            await _register(stage)
            await stage.start_prober()
            yield stage
    finally:
        await shop.close()


async def _register(stage: Stage) -> None:
    """What a person does once for a real service: its connection, its runbook, and the switch to acting."""
    agent, who = stage.app.agent, stage.person
    connection = Connection(
        id="",
        tenant=who.tenant,
        name=SERVICE,
        reach=Reach.HOST,
        environment="demo",
        labels={"service": SERVICE},
        values=stage.shop.values(),
        hosts=(f"127.0.0.1:{stage.shop.port}",),
    )
    await stage.app.stores.connections.put(connection, who.id)
    await agent.add_runbook(who, _packaged("shop.md", WRITTEN_FOR, shlex.quote(str(stage.shop.democtl))), "shop.md")
    await agent.switch(who, "acting", on=True)


def _packaged(name: str, written: str, real: str) -> str:
    """A file of the package with the real place of democtl in it, quoted as that file wants it."""
    return files("opsagent.cli.demo").joinpath(name).read_text("utf-8").replace(written, real)


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: Ctrl-C is the demo's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(app: App) -> AsyncIterator[str]:
    """Serve the app on a free port of loopback; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app.web(), log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="demo-server")
    try:
        while not server.started:
            if task.done():
                raise UnavailableError("The demo's server did not start.", fix="Run it with OPSAGENT_DEBUG=1.")
            await asyncio.sleep(LOOK_S)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task
