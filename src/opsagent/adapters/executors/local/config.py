"""What the local executor is told at its making: folders, user, limits, and the paths a command must not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

NOBODY = 65534  # the kernel's overflow uid; owns nothing
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Globs are expanded for every command; a folder is replaced by an empty one, a file by /dev/null.
SECRET_PATHS = (
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/ssl/private",
    "/etc/ssh/ssh_host_*_key",
    "/etc/letsencrypt/archive",
    "/etc/letsencrypt/keys",
    "/etc/pki/tls/private",
    "/etc/kubernetes/pki",
    "/etc/kubernetes/*.conf",
    "/etc/krb5.keytab",
    "/run/secrets",
    "/var/run/secrets",
    "/var/lib/kubelet",
    *(
        f"{home}/{name}"
        for home in ("/root", "/home/*")
        for name in (".ssh", ".aws", ".azure", ".config/gcloud", ".gnupg", ".kube", ".docker", ".netrc", ".pgpass")
    ),
)


class Backend(StrEnum):
    """How a command is held in, best first; the one used stands on every step."""

    SECCOMP = "bwrap+seccomp"  # as the next, and without the system calls that open a way out (syscalls.py)
    BWRAP = "bwrap"  # bubblewrap: own view of files, own processes, nothing can stay behind
    RLIMITS = "rlimits"  # resource limits and, for a root server, another user; no view of its own, no PID namespace
    DIRECT = "direct"  # on purpose with all the server's user may do: an effect a person approved

    def is_weaker(self, least: Backend) -> bool:
        """Whether it holds a command in less than the other would."""
        order = list(Backend)
        return order.index(self) > order.index(least)

    @property
    def boxed(self) -> bool:
        """Whether bubblewrap stands around it: a PID namespace and a view of its own."""
        return self in (Backend.SECCOMP, Backend.BWRAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one command may use. `tasks` stand on top of those the user runs already, and do not bind root.

    A sandbox command is ended when the disk of its folder has lost `disk_bytes` while it ran, whoever took them: files
    can be hidden from counting (deleted and still open, in trees too deep to walk), free space cannot.
    """

    address_space_bytes: int = 4 * 1024**3
    cpu_s: int = 300
    file_size_bytes: int = 256 * 1024**2
    tasks: int = 256
    open_files: int = 1024
    disk_bytes: int = 1024**3
    scratch_bytes: int = 64 * 1024**2  # of /tmp and of /dev/shm, each; bwrap only

    def by_name(self) -> Mapping[str, int]:
        """The limits under the kernel's names (`RLIMIT_...`)."""
        return {
            "AS": self.address_space_bytes,
            "CPU": self.cpu_s,
            "FSIZE": self.file_size_bytes,
            "NPROC": self.tasks,
            "NOFILE": self.open_files,
            "CORE": 0,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """The local executor's settings.

    `state` keeps the start tokens and must outlive a restart. `sandbox_root` holds a folder per run. `command_uid` is
    the user of SANDBOX commands where the server is root (None: nobody); any other server runs them as itself.
    `hidden` are folders no command sees, the agent's data folder first. `force` skips the choice of a backend:
    a bubblewrap one is the least that will do, and RLIMITS is what is used. `filtered` is False to leave seccomp out.
    `least_for_...` are the weakest that may hold a read, or an effect in the sandbox.
    `python` starts the launcher (empty: the interpreter of the server).
    """

    state: Path
    sandbox_root: Path
    command_uid: int | None = None
    hidden: tuple[Path, ...] = ()
    secret_paths: tuple[str, ...] = SECRET_PATHS
    sandbox_sees: tuple[Path, ...] = ()
    force: Backend | None = None
    filtered: bool = True
    least_for_reads: Backend = Backend.RLIMITS
    least_for_effects: Backend = Backend.RLIMITS
    limits: Limits = field(default_factory=Limits)
    output_cap_bytes: int = 256 * 1024
    full_output_cap_bytes: int = 20 * 1024**2
    grace_s: float = 2.0
    python: str = ""
