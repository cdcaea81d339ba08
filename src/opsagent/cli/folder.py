"""Finds the server that runs on a data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from opsagent.cli.options import Place
from opsagent.domain.identity import DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered, and the folder it owns."""

    url: str
    folder: Path


async def running_server(place: Place) -> Server | None:
    """The server to talk to. None when none runs, or when its key is not one of the tenant that is asked about."""
    if place.tenant != DEFAULT_TENANT:
        return None  # the folder's admin key belongs to the default tenant; the store beside the server serves all
    from opsagent.bootstrap.outfit import read_server
    from opsagent.settings import Settings

    folder = Settings.load(place.overrides()).server.data_dir
    found = await read_server(folder)
    return Server(url=found.url, folder=folder) if found else None
