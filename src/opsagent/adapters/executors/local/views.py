"""What a command sees of this machine under bubblewrap, as arguments of `bwrap`.

Mounts are made in order, so a secret path is covered after everything that could uncover it. The environment is not
built here: values in arguments could be read by every user of the machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from opsagent.adapters.executors.local.launcher import FILTER_FD, STATUS_FD

# All that programs of /usr need of /etc; the rest of it is this machine's business.
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "magic", "mime.types", "terminfo")
_ETC_NETWORK = ("resolv.conf", "hosts", "nsswitch.conf", "services", "protocols", "ssl/certs", "ssl/openssl.cnf", "pki")
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who the command runs as. `changes` is False where that is who the server is."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    changes: bool

    @property
    def is_root(self) -> bool:
        """Whether bwrap is started by root and needs no user namespace."""
        return self.uid == 0


def frame(bwrap: str, user: User, *, filtered: bool = False) -> list[str]:
    """What every view shares: own processes that die with the launcher, own session, status to the launcher.

    With `filtered` the launcher hands over a filter of system calls.
    """
    shared = [bwrap, "--unshare-pid", "--die-with-parent", "--new-session", "--json-status-fd", str(STATUS_FD)]
    shared += ["--seccomp", str(FILTER_FD)] if filtered else []
    return [*shared, "--cap-drop", "ALL", *([] if user.is_root else ["--unshare-user"])]


def sandbox_view(
    folder: Path, *, network: bool, scratch_bytes: int, sees: Iterable[Path], close_userns: bool
) -> list[str]:
    """Programs, the run's folder and scratch space: no host files, no host processes, no network unless asked."""
    view = ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    view += ["--disable-userns"] if close_userns else []
    view += [] if network else ["--unshare-net"]
    view += ["--ro-bind", "/usr", "/usr"]
    for name in _TOP:
        top = Path("/", name)
        if top.is_symlink():
            view += ["--symlink", str(top.readlink()), str(top)]
        elif top.is_dir():
            view += ["--ro-bind", str(top), str(top)]
    for name in (*_ETC, *(_ETC_NETWORK if network else ())):
        view += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    size = ["--size", str(scratch_bytes), "--tmpfs"]
    view += ["--proc", "/proc", "--dev", "/dev", *size, "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108 - a mount point in the sandbox
    view += [*size, "/tmp", "--dir", "/run", "--symlink", "/tmp", "/var/tmp"]  # noqa: S108 - as above
    for path in sees:  # behind /tmp, which may be where they lie
        view += ["--ro-bind-try", str(path), str(path)]
    return [*view, "--bind", str(folder), str(folder), "--remount-ro", "/"]


def host_view(folder: Path, user: User, *, writable: Iterable[Path], secret: Iterable[Path]) -> list[str]:
    """This machine, read-only but for `writable` and the run's folder, and without what is `secret`.

    Its processes and its network are visible. The PID namespace is there only to end the command with all it started.
    """
    view = ["--ro-bind", "/", "/", "--dev", "/dev"]
    for path in writable:
        view += ["--bind", str(path), str(path)]
    for path in secret:
        if can_reach(path, user):
            view += (
                ["--perms", "0111", "--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]
            )
    return [*view, "--tmpfs", str(folder.parent), "--bind", str(folder), str(folder)]


def expand(patterns: Iterable[str]) -> list[Path]:
    """The paths there are for the patterns: real ones, none inside another, so that each can be covered once."""
    found = {Path(path).resolve() for pattern in patterns for path in glob(pattern)}  # noqa: PTH207 - they are absolute
    return sorted(path for path in found if found.isdisjoint(path.parents))


def can_reach(path: Path, user: User) -> bool:
    """Whether the user may walk to the path; where it may not, nothing need be hidden and nothing can be mounted."""
    return user.is_root or all(_may_pass(folder, user) for folder in path.parents)


def _may_pass(folder: Path, user: User) -> bool:
    """Whether the mode lets the user through; access lists are not looked at."""
    try:
        found = folder.stat()
    except OSError:
        return False
    if found.st_uid == user.uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid == user.gid or found.st_gid in user.groups:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)
