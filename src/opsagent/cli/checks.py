"""What `opsagent doctor` looks at; each check answers in words and none stops the others."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from opsagent.bootstrap.outfit import clock, read_server, shfmt
from opsagent.bootstrap.reasoning import no_model, said_of_model
from opsagent.cli.acting import describe
from opsagent.cli.channel_checks import examine_channels
from opsagent.cli.options import Place
from opsagent.cli.person import login_name
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import OpsAgentError, PolicyUnloadable
from opsagent.settings import Settings

State = Literal["ok", "degraded", "missing"]
OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING
LITTLE_BYTES, TOO_LITTLE_BYTES = 1024**3, 50 * 1024**2
RELEASED = 1_790_000_000  # 2026-09: a clock before it is wrong
SWITCHED_OFF = frozenset({"host", "intake"})  # what readiness knows and no check here does
OF_THE_SERVER = frozenset({"worker"})  # what only the server's own readiness knows
READY_WITHIN_S = 5.0
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # more than struct timex has on any Linux


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what, how it is, what that means, and how to mend it (empty where there is nothing to mend)."""

    name: str
    state: State
    means: str
    mend: str = ""


async def examine(place: Place) -> list[Finding]:
    """All findings, the most basic first."""
    found = [*_programs()]
    try:
        settings = Settings.load(place.overrides())
    except OpsAgentError as error:
        return [*found, Finding("settings", "missing", error.message, error.fix)]
    found.append(Finding("settings", "ok", "all values can be used"))
    folder = settings.server.data_dir
    found += [_folder(folder), _disk(folder), _clock(clock().now())]
    found += await _server(folder)
    found += await _inside(place, settings)
    found.append(_encryption(settings))
    if trouble := no_model(settings):
        found.append(Finding("model", "degraded", trouble, "Runs go on by runbooks alone meanwhile."))
    else:
        found.append(Finding("model", "ok", said_of_model(settings)))
    return found


def _programs() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("python", "ok", f"{version} at {sys.executable}")
    new_enough = sqlite3.sqlite_version_info >= OLDEST_SQLITE
    yield Finding(
        "sqlite",
        "ok" if new_enough else "missing",
        f"{sqlite3.sqlite_version}, keeps runs, approvals and the record",
        "" if new_enough else "Use a Python built with SQLite 3.35 or newer.",
    )
    fts = _has_fts5()
    yield Finding(
        "fts5",
        "ok" if fts else "missing",
        "finds runbooks by words" if fts else "SQLite has no full-text search: runbooks cannot be found by words",
        "" if fts else "Use a Python whose SQLite is built with FTS5.",
    )
    parser = shfmt()
    yield Finding(
        "shfmt",
        "ok" if parser else "degraded",
        f"reads commands before they run ({parser})"
        if parser
        else "no command can be read, so every one asks a person",
        "" if parser else "Install it into the same environment: pip install shfmt-py",
    )
    bash = shutil.which("bash")
    yield Finding(
        "bash",
        "ok" if bash else "degraded",
        f"runs commands ({bash})" if bash else "commands run by sh, which knows less",
        "" if bash else "Install bash.",
    )


def _folder(folder: Path) -> Finding:
    try:
        about = folder.stat()
    except FileNotFoundError:
        return Finding("data folder", "ok", f"{folder} does not exist yet; the first start makes it")
    except OSError as error:
        return Finding("data folder", "missing", f"{folder}: {error.strerror}", "Name another one with --data-dir.")
    if not stat.S_ISDIR(about.st_mode) or not os.access(folder, os.W_OK | os.X_OK):
        mend = "Run this as its owner, or name another one with --data-dir."
        return Finding("data folder", "missing", f"{folder} cannot be written by {login_name()}", mend)
    if stat.S_IMODE(about.st_mode) & 0o077:
        return Finding("data folder", "degraded", f"{folder} can be read by others", f"chmod 700 {folder}")
    return Finding("data folder", "ok", f"{folder}, for its owner only")


def _disk(folder: Path) -> Finding:
    there = next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    words = f"{free / 1024**3:.1f} GiB free at {there}"
    if free < TOO_LITTLE_BYTES:
        return Finding("disk", "missing", f"{words}: nothing can be stored, so nothing is accepted", "Make room there.")
    if free < LITTLE_BYTES:
        return Finding("disk", "degraded", f"{words}: it may run full", "Make room there soon.")
    return Finding("disk", "ok", words)


def _clock(now: float) -> Finding:
    if now < RELEASED:
        return Finding("clock", "missing", "it is wrong: signatures and expiries fail", "Set the time; run chrony.")
    if not _synchronised():
        words = "the kernel is not told that it is right: signed requests are refused once it is 300 s off"
        return Finding("clock", "degraded", words, "Run chrony or systemd-timesyncd (in a container: on its host).")
    return Finding("clock", "ok", "synchronised")


async def _server(folder: Path) -> list[Finding]:
    """The server of the folder, and what only a working one knows of itself."""
    server = await read_server(folder)
    if server is None:
        return [Finding("server", "ok", "none runs on this data folder; commands open the store themselves")]
    where = f"at {server.url} (process {server.pid})"
    try:
        async with httpx.AsyncClient(timeout=READY_WITHIN_S, trust_env=False) as client:
            parts = (await client.get(f"{server.url}/readyz")).json()["degraded"]
    except (httpx.HTTPError, ValueError, KeyError):
        return [Finding("server", "degraded", f"runs {where} and does not answer", "Read its log; start it again.")]
    found = [Finding("server", "ok", f"runs on this data folder {where}")]
    for one in parts:
        if one["part"] in OF_THE_SERVER:
            means, _, mend = str(one["why"]).partition(" To mend: ")
            found.append(Finding(one["part"], "degraded", means, mend))
    return found


async def _inside(place: Place, settings: Settings) -> list[Finding]:
    """What only the built app knows. Built on a folder of its own where none exists yet, so that nothing is made."""
    if settings.server.data_dir.is_dir():
        return await _built(settings)
    with tempfile.TemporaryDirectory(prefix="opsagent-doctor-") as folder:
        elsewhere = {**place.overrides(), "data_dir": Path(folder)}
        return await _built(Settings.load(elsewhere))


async def _built(settings: Settings) -> list[Finding]:
    from opsagent.bootstrap import build

    try:
        async with build(settings, serving=False) as app:
            wrong = await app.stores.housekeeping.check()
            switches = dict(await app.stores.control.switches(DEFAULT_TENANT))
            lines = await app.executor.describe()
            degraded = (await app.readiness()).degraded
            told = await examine_channels(app.telling.channels, app.telling.audiences)
            embeds, vectors = await app.vectors_found()
    except OpsAgentError as error:
        return [
            Finding("policy" if isinstance(error, PolicyUnloadable) else "store", "missing", error.message, error.fix)
        ]
    found = [
        Finding("store", "missing", wrong, "Make room, or mend the folder's rights.")
        if wrong
        else Finding("store", "ok", "opens and can write; the policy loads")
    ]
    found.append(Finding("mode", "ok", " ".join(describe(switches))))
    found += [Finding(part, "degraded", why) for part, why in degraded.items() if part in SWITCHED_OFF]
    for name, words in lines.items():
        means, _, mend = words.partition(" To mend: ")
        found.append(Finding(name, "degraded" if mend else "ok", means, mend))
    means, _, mend = vectors.partition(" To mend: ")
    found.append(Finding("vectors", "ok" if embeds else "degraded", means, mend))
    return found + [Finding(*one) for one in told]


def _encryption(settings: Settings) -> Finding:
    if settings.security.credential_encryption_key.get_secret_value():
        return Finding("encryption key", "ok", "set: credentials and saved files are kept encrypted")
    return Finding(
        "encryption key",
        "degraded",
        "not set: no credential can be stored, and no file can be saved before it is changed",
        "Set CREDENTIAL_ENCRYPTION_KEY; make one with: openssl rand -base64 32 | tr +/ -_",
    )


def _has_fts5() -> bool:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(words)")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _synchronised() -> bool:
    """What adjtimex(2) says; True where it cannot be asked."""
    asked = getattr(ctypes.CDLL(None), "adjtimex", None)
    if asked is None:
        return True
    state: int = asked(ctypes.create_string_buffer(_TIMEX_BYTES))  # modes = 0: only read
    return state != TIME_ERROR
