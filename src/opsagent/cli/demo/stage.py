"""Sets the stage: OpsAgent on embedded defaults in a temporary folder, the shop, and the prober that watches it."""

from __future__ import annotations

import asyncio
import base64
import secrets
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
from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.domain.identity import DEFAULT_TENANT, Principal, PrincipalKind, Role
from opsagent.errors import ConfigurationError, UnavailableError
from opsagent.settings import Settings

PERSON = Principal(id="person:demo", tenant=DEFAULT_TENANT, role=Role.ADMIN, kind=PrincipalKind.PERSON)
WRITTEN_FOR = "/opt/shop/democtl"  # where the runbook says democtl is; the demo writes the real place there
POLICY = """\
# What the demo's administrator knows about democtl: it may be looked with freely; its orders are asked about.
commands:
"""


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

    def clean(self) -> None:
        """Remove what is not kept; all of it where no timeline was written."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        with suppress(OSError):  # not empty: it is kept
            self.timelines.rmdir()
            self.root.rmdir()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything is up: the app serves at `url`, the shop takes orders."""

    app: App
    shop: Shop
    folders: Folders
    url: str

    @property
    def webhook(self) -> str:
        """Where alerts go."""
        return f"{self.url}/api/v1/tickets/webhook/alertmanager"

    async def start_prober(self) -> None:
        """Let the prober watch the shop from outside."""
        watching = ("--webhook", self.webhook, "--service", SERVICE, "--url", self.shop.health_url)
        await self.shop.run_beside("prober", *watching, "--log", str(self.folders.scratch / "prober.log"))

    async def cry_wolf(self) -> None:
        """Somebody sends the alert although nothing is wrong. UnavailableError when it was not taken."""
        said = ("--say", "a customer says the shop is down", "--log", str(self.folders.scratch / "somebody.log"))
        somebody = await asyncio.create_subprocess_exec(
            *program("prober", "--webhook", self.webhook, "--service", SERVICE, *said)
        )
        if await somebody.wait():
            raise UnavailableError("OpsAgent did not take the alert.", fix="Run the demo with --keep and look around.")


def demo_settings(folders: Folders, policy: Path) -> Settings:
    """The embedded defaults in the demo's folder; the environment is left out, so that the demo is the same anywhere.

    Different from a new installation: commands may reach this machine, a measured false positive is closed without a
    person, the same alert is measured each time, and verify waits seconds, not a minute.
    """
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    overrides: dict[str, object] = {
        "data_dir": folders.scratch / "opsagent",
        "sandbox_root": folders.scratch / "runs",
        "host_reach": True,
        "auto_close": True,
        "admin_policy_file": policy,
        "credential_encryption_key": key,
        "measure_every_seconds": 0,
        "settle_seconds": 10,
        "sweep_seconds": 0.2,
    }
    return Settings.load(overrides, environ={})


@asynccontextmanager
async def set_stage(folders: Folders) -> AsyncIterator[Stage]:
    """Bring everything up; at the end, whatever the reason, take all of it down and remove the scratch folder."""
    policy = folders.scratch / "policy.yaml"
    policy.write_text(POLICY.replace(WRITTEN_FOR, str(folders.shop / "democtl")), "utf-8")
    app = build(demo_settings(folders, policy))
    shop = Shop(folder=folders.shop, clock=app.clock)
    try:
        await shop.start()
        async with app, _serving(app) as url:
            stage = Stage(app=app, shop=shop, folders=folders, url=url)
            await _register(stage)
            await stage.start_prober()
            yield stage
    finally:
        await shop.close()


async def _register(stage: Stage) -> None:
    """What a person does once for a real service: its connection, its runbook, and the switch to acting."""
    values = stage.shop.values()
    connection = Connection(
        id="",
        tenant=PERSON.tenant,
        name=SERVICE,
        reach=Reach.HOST,
        environment="demo",
        labels={"service": SERVICE},
        values=values,
        hosts=(f"127.0.0.1:{stage.shop.port}",),
    )
    await stage.app.stores.connections.put(connection, PERSON.id)
    text = files("opsagent.cli.demo").joinpath("shop.md").read_text("utf-8")
    await stage.app.agent.add_runbook(PERSON, text.replace(WRITTEN_FOR, values["democtl"]), "shop.md")
    await stage.app.agent.switch(PERSON, "acting", on=True)


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
