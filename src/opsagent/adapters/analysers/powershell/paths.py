"""What a path of PowerShell may lead to: another host, a drive that is no disk, a file whose content is a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

_DRIVE = re.compile(r"([a-z][a-z0-9_]*):")
_REGISTRY = ("hklm", "hkcu", "hku", "hkcr", "hkcc")
_DRIVES = (*_REGISTRY, "env", "cert", "variable", "function", "alias")
_WILD = re.compile(r"[*?\[]")
_ROOTS = ("windows", "windows/system32", "users", "program files", "program files (x86)", "programdata", "inetpub")


def plain(path: str) -> str:
    """Lower case, with slashes."""
    return path.lower().replace("\\", "/")


def host_of(path: str) -> str:
    r"""The host a `\\host\share` path names; empty where it names none. Asking it for a file also logs in there."""
    path = plain(path)
    return path[2:].split("/", 1)[0] if path.startswith("//") else ""


def problem_of(path: str, *, content: bool) -> str:
    """Why nothing can be said about where it leads; empty where it can."""
    path = plain(path)
    drive = _DRIVE.match(path)
    rest = path[drive.end() :] if drive else path
    if "::" in path or ":" in rest:
        return "a path names a provider or a stream"
    if host_of(path) in (".", "?"):
        return "a path names a device"
    if drive and len(drive[1]) > 1 and drive[1] not in _DRIVES:
        return f"nobody knows the drive {drive[1]}:"
    return _content_problem(path, rest) if content else ""


def _content_problem(path: str, rest: str) -> str:
    segments = [one for one in rest.split("/") if one]
    if "~" in path or any(one == ".." or one.endswith((".", " ")) for one in segments):
        return "a path may name another file than it says"
    wild = [_WILD.search(one) is not None for one in segments]
    if any(wild[:-1]) or (wild and wild[-1] and not segments[-1].endswith(".log")):
        return "a path may stand for files nobody named"
    return ""


def sensitive(path: str, patterns: Mapping[str, str], *, content: bool) -> str:
    """What of it must not be shown without asking; empty where nothing is. Of mere names, only what is no disk."""
    path = plain(path)
    drive = _DRIVE.match(path)
    named = drive[1] if drive else ""
    if named in _REGISTRY and _WILD.search(path):
        return f"{path} (whatever the registry holds there)"
    if not content and len(named) < 2:
        return ""
    for pattern, what in patterns.items():
        if fnmatchcase(path, pattern) or fnmatchcase(f"/{path}", pattern):
            return f"{path} ({what})"
    return ""


def is_system_root(path: str) -> bool:
    """Whether deleting it would delete a disk or a folder Windows cannot do without."""
    path = plain(path).rstrip("*").rstrip("/")
    drive = _DRIVE.match(path + ":" if re.fullmatch(r"[a-z]", path) else path)
    rest = path[drive.end() :].strip("/") if drive else path.strip("/")
    registry = drive is not None and drive[1] in _REGISTRY and rest.count("/") < 1
    return registry or (rest == "" and (drive is not None or path == "")) or rest in _ROOTS
