"""The data folder: ours alone, and the place where a command finds the server that runs on it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

import psutil

from opsagent.errors import ConfigurationError

SERVER_FILE = "server.json"
ANSWER_WITHIN_S = 2.0
_MAX_BYTES = 4096
_ANY = frozenset({"", "*", "0.0.0.0", "::"})  # noqa: S104 - recognised here, nothing is bound


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """A running server. `birth` tells its process from a later one with the same pid."""

    pid: int
    host: str
    port: int
    url: str
    birth: str


def prepare_folder(folder: Path) -> Path:
    """Make the folder usable by us alone (mode 0700) and return it resolved.

    Raises ConfigurationError when it is no folder, belongs to somebody else, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = folder.resolve()
        about = folder.stat()
    except FileExistsError:
        raise _refused(folder, "it is not a folder", "Name a folder in data_dir, or move the file away.") from None
    except OSError as problem:
        raise _refused(
            folder, problem.strerror or "it cannot be made", "Name a folder you may write in data_dir."
        ) from None
    if about.st_uid != os.geteuid():
        raise _refused(
            folder,
            f"it belongs to user id {about.st_uid}, and this runs as {os.geteuid()}",
            "Run as its owner, change its owner, or name another folder in data_dir.",
        )
    try:
        if stat.S_IMODE(about.st_mode) & 0o077:
            folder.chmod(0o700)
        probe = folder / f".write-{secrets.token_hex(8)}"
        probe.touch(mode=0o600, exist_ok=False)
        probe.unlink()
    except OSError as problem:
        words = (problem.strerror or "it cannot be written").lower()
        raise _refused(folder, words, "Mend its rights or the disk, or name another folder in data_dir.") from None
    return folder


def write_server(folder: Path, *, host: str, port: int) -> ServerInfo:
    """Say that this process serves the folder at this address; call it once the port is bound."""
    info = ServerInfo(
        pid=os.getpid(), host=host, port=port, url=server_url(host, port), birth=_birth(os.getpid()) or ""
    )
    text = json.dumps({name: getattr(info, name) for name in ("pid", "host", "port", "url", "birth")})
    fresh = folder / f".{SERVER_FILE}.{secrets.token_hex(8)}"
    try:
        fresh.touch(mode=0o600, exist_ok=False)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(folder / SERVER_FILE)
    except OSError as problem:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise _refused(
            folder, (problem.strerror or "it cannot be written").lower(), "Mend its rights or the disk."
        ) from None
    return info


def remove_server(folder: Path) -> None:
    """This process serves no more. What another process has written stays."""
    info = stored_server(folder)
    if info is not None and info.pid == os.getpid():
        (folder / SERVER_FILE).unlink(missing_ok=True)


def stored_server(folder: Path) -> ServerInfo | None:
    """What was last written, whether or not that server still lives; None where nothing readable is."""
    path = folder / SERVER_FILE
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid not in {os.geteuid(), 0}:
                return None  # planted by somebody else: a key must not be sent there
            found = json.loads(file.read(_MAX_BYTES))
        return ServerInfo(
            pid=int(found["pid"]),
            host=str(found["host"]),
            port=int(found["port"]),
            url=str(found["url"]),
            birth=str(found["birth"]),
        )
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


async def read_server(folder: Path, *, within_s: float = ANSWER_WITHIN_S) -> ServerInfo | None:
    """The server that runs on this folder: its process is alive and its port takes a connection. Else None."""
    info = stored_server(folder)
    if info is None or _birth(info.pid) != info.birth:
        return None
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(_reachable(info.host), info.port)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, OverflowError):  # TimeoutError is an OSError; OverflowError: no such port
        return None
    return info


def server_url(host: str, port: int) -> str:
    """How to call a server bound to `host` from this machine."""
    name = _reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _reachable(host: str) -> str:
    if host in _ANY:
        return "::1" if host == "::" else "127.0.0.1"
    return host.strip("[]")


def _birth(pid: int) -> str | None:
    """When that process began, or None when there is none.

    Linux counts it in ticks since boot, which stays the same when the clock is set; field 22 of proc(5)'s stat.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        stat_line = Path(f"/proc/{pid}/stat").read_bytes()
        return f"tick {int(stat_line.rpartition(b')')[2].split()[19])}"
    try:
        return f"time {psutil.Process(pid).create_time():.0f}"
    except (psutil.Error, ValueError, OverflowError):
        return None


def _refused(folder: Path, why: str, fix: str) -> ConfigurationError:
    return ConfigurationError(
        f"The data folder {folder} cannot be used: {why}.", fix=fix, extra={"folder": str(folder)}
    )
