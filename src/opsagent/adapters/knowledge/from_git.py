"""Reads the Markdown of a git repository, for an import: by the git program, and without ever checking anything out.

The repository is fetched bare, and files are read as objects. So no hook, filter, submodule, symbolic link or attribute
of it comes into play, and no name of a file can lead out of a folder. git's own settings of whoever runs it hold
(proxies, certificates, credential helpers); protocols are limited to https, ssh and file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from opsagent.adapters.knowledge.markdown import MAX_BYTES
from opsagent.adapters.knowledge.offered import MAX_ORIGIN_CHARS, Budget, is_markdown, no_runbook, to_file
from opsagent.domain.library import Offer, SourceFile
from opsagent.domain.visible import one_line
from opsagent.errors import InputError, NotFound, TooLarge, UnavailableError
from opsagent.ports.clock import Clock

MAX_REPOSITORY_BYTES = 512 * 1024**2
FETCH_S = 300.0
_LOOK_EVERY_S = 0.2
_SCHEMES = frozenset({"https", "ssh", "file"})
_SHORT_SSH = re.compile(r"[A-Za-z0-9_.-]+@[A-Za-z0-9][A-Za-z0-9.-]*:[^\s:][^\s]*")  # git@host:team/runbooks.git
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "protocol.file.allow=always",
    "submodule.recurse=false",
)
# `env` because the environment is the operator's own and is not read here: only what would redirect git is taken out.
_PROGRAM = (
    "env", "-u", "GIT_DIR", "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE", "-u", "GIT_OBJECT_DIRECTORY",
    "-u", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "-u", "GIT_ASKPASS", "-u", "SSH_ASKPASS", "GIT_TERMINAL_PROMPT=0",
    "GIT_NO_LAZY_FETCH=1", "LC_ALL=C", "git",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """An address, perhaps a branch or tag, and the folder in it that holds the runbooks."""

    url: str
    ref: str = ""
    folder: str = ""

    @property
    def origin(self) -> str:
        """Its name for people, and for the next import."""
        return (self.url + (f"#{self.ref}" if self.ref else "") + (f":{self.folder}" if self.folder else ""))[
            :MAX_ORIGIN_CHARS
        ]


def is_repository(place: str) -> bool:
    """Whether a text is the address of a repository, not a path."""
    return "://" in place or _SHORT_SSH.fullmatch(place) is not None


def checked(url: str, ref: str = "", folder: str = "") -> Repository:
    """A repository that may be read. InputError."""
    if not _SHORT_SSH.fullmatch(url):
        _check_url(url)
    if ref and (not _REF.fullmatch(ref) or ".." in ref):
        raise InputError(f"`{one_line(ref)[:80]}` names no branch or tag.", fix="Give its name, such as main.")
    parts = [part for part in folder.split("/") if part not in {"", "."}]
    if ".." in parts or "\x00" in folder or folder.startswith("-"):
        raise InputError("The folder must lie in the repository.", fix="Give it from the top, such as docs/runbooks.")
    return Repository(url=url, ref=ref, folder="/".join(parts))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        name, secret = parts.hostname or "", parts.password
    except ValueError:
        raise InputError("This is no address of a repository.", fix="Give https://, ssh:// or file://.") from None
    if parts.scheme not in _SCHEMES or not url.isprintable() or " " in url:
        raise InputError(
            f"Runbooks are not read over {parts.scheme or 'this'}.", fix="Give an https://, ssh:// or file:// address."
        )
    if secret is not None or (parts.scheme == "https" and parts.username):
        raise InputError(
            "The address holds a secret, which every process of this machine could read.",
            fix="Leave it out, and let git's credential helper or an SSH key prove who you are.",
        )
    if name.startswith("-") or (not name and parts.scheme != "file"):
        raise InputError("The address names no host.", fix="Give https://HOST/PATH or ssh://HOST/PATH.")


async def read_repository(repository: Repository, clock: Clock) -> Offer:
    """Every Markdown file of the repository as it is now. UnavailableError, NotFound, TooLarge, InputError."""
    with tempfile.TemporaryDirectory(prefix="opsagent-import-") as place:
        bare = Path(place) / "repository.git"
        branch = ("--branch", repository.ref) if repository.ref else ()
        fetch = ("clone", "--bare", "--depth=1", "--single-branch", "--no-tags", "--template=", "--quiet", *branch)
        await _git((*fetch, "--", repository.url, str(bare)), clock, watched=bare)
        listed = await _git((f"--git-dir={bare}", "ls-tree", "-r", "-z", "-l", "--full-tree", "HEAD"), clock)
        entries = list(_entries(listed, repository.folder))
        if repository.folder and not entries:
            raise NotFound(f"The repository has no folder {repository.folder}.", fix="Give it from the top.")
        return await _offer(repository, bare, entries, clock)


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: str
    object: str
    size: int
    path: str


def _entries(listed: bytes, folder: str) -> Iterator[_Entry]:
    """What `ls-tree -l -z` says of files below the folder; their paths are then those below it."""
    start = f"{folder}/" if folder else ""
    for line in listed.split(b"\0"):
        about, _, raw = line.partition(b"\t")
        path = raw.decode("utf-8", "backslashreplace")
        if path.startswith(start) and len(about.split()) == 4:
            mode, _, name, size = about.decode("ascii", "replace").split()
            yield _Entry(mode, name, int(size) if size.isdigit() else 0, path.removeprefix(start))


async def _offer(repository: Repository, bare: Path, entries: Sequence[_Entry], clock: Clock) -> Offer:
    budget, wanted = Budget(), list[_Entry]()
    files, left_out = list[SourceFile](), list[SourceFile]()
    for entry in sorted(entries, key=lambda one: one.path):
        if not is_markdown(entry.path):
            continue
        if entry.mode not in {"100644", "100755"}:
            left_out.append(SourceFile(path=entry.path, problem="a symbolic link or submodule is not followed"))
        elif why := no_runbook(entry.path):
            left_out.append(SourceFile(path=entry.path, problem=why))
        elif entry.size > MAX_BYTES:
            files.append(to_file(entry.path, bytes(MAX_BYTES + 1)))
        else:
            budget.spend(entry.size)
            wanted.append(entry)
    files += [to_file(entry.path, raw) for entry, raw in zip(wanted, await _blobs(bare, wanted, clock), strict=True)]
    return Offer(origin=repository.origin, files=tuple(files), left_out=tuple(left_out))


async def _blobs(bare: Path, entries: Sequence[_Entry], clock: Clock) -> list[bytes]:
    """The content of each, as `cat-file --batch` tells it: a line `<object> blob <size>`, the bytes, a line feed."""
    asked = "".join(f"{entry.object}\n" for entry in entries).encode()
    said = await _git((f"--git-dir={bare}", "cat-file", "--batch"), clock, stdin=asked)
    found, at = list[bytes](), 0
    for _ in entries:
        end = said.index(b"\n", at)
        size = int(said[at:end].rsplit(b" ", 1)[1])
        found.append(said[end + 1 : end + 1 + size])
        at = end + 1 + size + 1
    return found


async def _git(
    arguments: Sequence[str], clock: Clock, *, watched: Path | None = None, stdin: bytes | None = None
) -> bytes:
    """What git says. It has no terminal to ask at, and is ended when it takes too long or fetches too much."""
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    try:
        process = await asyncio.create_subprocess_exec(
            *_PROGRAM,
            *settings,
            *arguments,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise _no_git() from None
    said = asyncio.create_task(process.communicate(stdin))
    try:
        if watched is not None:
            await _watch(said, watched, clock)
        out, err = await said
    finally:
        if not said.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.gather(said, return_exceptions=True)
    if process.returncode == 127:
        raise _no_git()
    if process.returncode:
        words = one_line(err.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1])[:300]
        raise UnavailableError(
            f"git could not read the repository: {words or 'it said nothing'}.",
            fix="Try `git ls-remote` with the same address as the same user.",
        )
    return out


async def _watch(said: asyncio.Task[tuple[bytes, bytes]], place: Path, clock: Clock) -> None:
    """Wait for the end of a fetch. TooLarge, UnavailableError."""
    end = clock.monotonic() + FETCH_S
    while not said.done():
        await asyncio.wait({said}, timeout=_LOOK_EVERY_S)
        if await asyncio.to_thread(_size, place) > MAX_REPOSITORY_BYTES:
            raise TooLarge(
                f"The repository has more than {MAX_REPOSITORY_BYTES // 1024**2} MB; nothing was taken.",
                fix="Keep runbooks in a repository of their own.",
            )
        if clock.monotonic() > end:
            raise UnavailableError(f"git was not done within {FETCH_S:g} s.", fix="Try again, or clone it yourself.")


def _size(place: Path) -> int:
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total


def _no_git() -> UnavailableError:
    return UnavailableError("The git program is not installed.", fix="Install git, or import a folder.")
