"""How far an approved effect on this machine reaches: the folders it may write, or why it must not be held in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import ExecutionError

_GLOB = re.compile(r"[*?\[{$`]")
_HARMLESS_DEVICES = re.compile(r"/dev/(null|zero|full|random|urandom|tty|stdin|stdout|stderr|fd/\d+)")


@dataclass(frozen=True, slots=True)
class Reached:
    """Either folders that become writable, or (`open_because` is not empty) this machine as it is."""

    writable: tuple[Path, ...] = ()
    open_because: str = ""


def reached_by(manifest: Manifest, named: Iterable[str], *, cwd: Path, home: Path) -> Reached:
    """What the effect reaches. A proven read reaches nothing.

    An effect a mount namespace would quietly defeat (a service, a signal, a mount, sudo) or that nobody could prove is
    given this machine as it is: a command that seems to have worked and has not is the worse evil, and a person
    approved it. A file is created, removed or replaced in its folder, so the folder is what becomes writable.
    """
    if manifest.proof is Proof.READ:
        return Reached()
    reasons = {
        "what it changes could not be proven": manifest.proof is Proof.UNKNOWN,
        f"it acts on services ({', '.join(manifest.services)})": bool(manifest.services),
        f"it signals processes ({', '.join(manifest.processes)})": bool(manifest.processes),
        "it asks for more privileges": manifest.privileged,
    }
    for reason, holds in reasons.items():
        if holds:
            return Reached(open_because=reason)
    folders: set[Path] = set()
    for path in absolute((*manifest.writes, *manifest.deletes, *named), cwd=cwd, home=home):
        if _HARMLESS_DEVICES.fullmatch(str(path)):
            continue
        if path.parts[1:2] in {("dev",), ("proc",), ("sys",)}:
            return Reached(open_because=f"it writes to {path}, which is a device or a setting of the kernel")
        folders |= {_folder_of(path), _folder_of(path.resolve())}
    return Reached(writable=tuple(sorted(folders)))


def absolute(paths: Iterable[str], *, cwd: Path, home: Path) -> list[Path]:
    """Paths as written, made absolute as the shell would, cut before the first part that is a pattern."""
    found = []
    for written in paths:
        text = str(home) + written[1:] if written == "~" or written.startswith("~/") else written
        parts = (cwd / text).parts
        plain = next((n for n, part in enumerate(parts) if _GLOB.search(part)), len(parts))
        # a cut path stands for what lies in that folder
        path = Path(*parts[:plain], *(["*"] if plain < len(parts) else []))
        found.append(Path(*_without_dots(path.parts)))
    return found


def refuse_own_folders(paths: Iterable[Path], own: Iterable[Path]) -> None:
    """No effect reaches into the agent's own folders. Raises ExecutionError."""
    for path in paths:
        for folder in own:
            if folder in (path, *path.parents):
                raise ExecutionError(
                    f"It would change {path}, inside OpsAgent's own folder {folder}; nothing was started.",
                    fix="Stop the server and change it by hand if it must be changed.",
                )


def _without_dots(parts: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            kept = kept[:1] if len(kept) < 2 else kept[:-1]
        else:
            kept.append(part)
    return kept


def _folder_of(path: Path) -> Path:
    """The folder the path lies in, or the nearest one above it that exists."""
    return next(folder for folder in path.parents if folder.is_dir()).resolve()
