"""What goes wrong in the demo: three things that are broken for real under one alert name, and one that is not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from opsagent.cli.demo.shop import LOOK_S, Shop
from opsagent.errors import UnavailableError

GIVE_UP_S = 10.0
EXPORT_FILES, EXPORT_KIB = 12, 128  # 1536 KiB: half as much again as the shop's quota of 1000 KiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One thing that goes wrong. `happens` makes it happen; `real` says whether anything is broken at all."""

    title: str
    story: str
    happens: Callable[[Shop], Awaitable[None]]
    real: bool = True


async def kill(shop: Shop) -> None:
    """Kill the shop's process again and again, until its supervisor gives up on it."""
    limit = shop.clock.monotonic() + GIVE_UP_S
    while (status := await shop.ctl("status"))["state"] != "gave_up":
        if status["pid"].isdigit():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(status["pid"]), signal.SIGKILL)
        if shop.clock.monotonic() >= limit:
            raise UnavailableError("The demo could not kill its shop.", fix="Run the demo again.")
        await shop.clock.sleep(LOOK_S)


async def spoil_config(shop: Shop) -> None:
    """Roll out a configuration with a bad value, as a deployment would: write it, restart the shop."""
    good = shop.config.read_text("utf-8")
    await asyncio.to_thread(shop.config.write_text, good.replace("pool_size = 8", "pool_size = 0"), "utf-8")
    await shop.ctl("restart")


async def fill_data(shop: Shop) -> None:
    """Let an export leave its temporary files behind until the data folder is over its quota."""

    def leave_files() -> None:
        for number in range(1, EXPORT_FILES + 1):
            (shop.cache / f"export-{number:02d}.tmp").write_bytes(os.urandom(EXPORT_KIB * 1024))

    await asyncio.to_thread(leave_files)


async def nothing(_shop: Shop) -> None:
    """Break nothing; the story lets somebody send the alert all the same."""


INCIDENTS = (
    Incident(
        title="process killed",
        story="Somebody kills the shop's process until its supervisor gives up restarting it.",
        happens=kill,
    ),
    Incident(
        title="bad config",
        story="A deployment sets pool_size = 0 and restarts the shop. It runs, and refuses orders.",
        happens=spoil_config,
    ),
    Incident(
        title="data full",
        story="An export leaves its temporary files behind; the data folder is over its quota.",
        happens=fill_data,
    ),
    Incident(
        title="false alarm",
        story="Nothing is broken. Somebody sends the alert all the same.",
        happens=nothing,
        real=False,
    ),
)
