"""Decides how one command is held in: backend, user, view, limits, environment, and what a person is told about it."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opsagent.adapters.executors.local import views
from opsagent.adapters.executors.local.config import NOBODY, SEARCH_PATH, Backend, LocalConfig
from opsagent.adapters.executors.local.reach import Reached, absolute, reached_by, refuse_own_folders
from opsagent.adapters.executors.local.survivors import MARK, count_tasks
from opsagent.adapters.executors.variables import permitted
from opsagent.domain.command import Reach
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, SandboxUnavailable
from opsagent.ports.executor import Order

# linux/capability.h: what a root server leaves its commands. SYS_PTRACE only for tools that name a socket's process.
_READ_CAPABILITIES = {"CAP_DAC_READ_SEARCH": 2, "CAP_NET_RAW": 13, "CAP_SYSLOG": 34}
_WRITE_CAPABILITIES = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_FSETID": 4}
_SOCKET_TOOLS = frozenset({"ss", "lsof", "netstat", "fuser"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What this machine offers, as probed. A reason is empty where the view works.

    The filters are seccomp's, empty where there is none and `no_filter_because` says why. `trouble` and `mend` are
    there where no command can run at all.
    """

    shell: str
    bwrap: str = ""
    close_userns: bool = False
    no_sandbox_because: str = "it was not probed"
    no_host_view_because: str = "it was not probed"
    sandbox_filter: bytes = field(default=b"", repr=False)
    host_filter: bytes = field(default=b"", repr=False)
    no_filter_because: str = "it was not probed"
    trouble: str = ""
    mend: str = ""

    def backend(self, reach: Reach) -> Backend:
        """How a sandbox command, or a proven read of this machine, is held in."""
        sandboxed = reach is Reach.SANDBOX
        if self.no_sandbox_because if sandboxed else self.no_host_view_because:
            return Backend.RLIMITS
        return Backend.SECCOMP if (self.sandbox_filter if sandboxed else self.host_filter) else Backend.BWRAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one command will be held in. `alone`: without a PID namespace, so one at a time and with no credential.

    `ours`: it is a program of this package, which looks at nothing of others and hides its memory: never `alone`.
    `cwd` is where the launcher stands, `base` where the command's relative names start. `disk_bytes` is by how much the
    free space of the sandbox root's disk may shrink while it runs (0: it is not looked at).
    """

    backend: Backend
    user: views.User
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    cwd: Path
    base: Path
    limits: Mapping[str, int]
    disk_bytes: int = 0
    capabilities: tuple[int, ...] | None = None
    no_new_privileges: bool = True
    syscalls: bytes = field(default=b"", repr=False)
    note: str = ""
    ours: bool = False

    @property
    def alone(self) -> bool:
        """Whether it must run alone, because another command could see or reach it."""
        return not self.backend.boxed and not self.ours


def make_plan(order: Order, config: LocalConfig, ground: Ground, folder: Path) -> Plan:
    """The plan for an order. Raises ExecutionError, SandboxUnavailable: nothing was started."""
    command = order.command
    user = find_user(order, config)
    cwd = folder / command.cwd
    sandboxed = command.reach is Reach.SANDBOX
    reached = Reached() if sandboxed else _host_reach(order, config, cwd, folder)
    lacking = ground.no_sandbox_because if sandboxed else ground.no_host_view_because
    backend = Backend.DIRECT if reached.open_because else held_by(order, config, ground, lacking)
    syscalls = b""
    if backend is Backend.SECCOMP:
        syscalls = ground.sandbox_filter if sandboxed else ground.host_filter
    if not backend.boxed and order.login is not None:
        raise SandboxUnavailable(
            "It needs a credential, and other processes of its user could read it: there is no PID namespace around "
            f"it ({reached.open_because or lacking}). Nothing was started.",
            fix="Give the credential to a command that runs under bubblewrap, or let the command do without.",
        )
    text = (ground.shell, *(("--noprofile", "--norc") if ground.shell.endswith("bash") else ()), "-c", command.text)
    argv: tuple[str, ...] = text
    if backend.boxed:
        seen = (
            _sandbox(order, config, ground, folder) if sandboxed else _host(order, config, reached, user, cwd, folder)
        )
        argv = (*views.frame(ground.bwrap, user, filtered=bool(syscalls)), *seen, "--chdir", str(cwd), "--", *text)
    return Plan(
        backend=backend,
        user=user,
        argv=argv,
        environment=_environment(order, folder),
        cwd=folder if backend.boxed else cwd,
        base=cwd,
        limits=_limits(order, config, user),
        disk_bytes=config.limits.disk_bytes if sandboxed else 0,
        capabilities=_bounding(order, backend, reached),
        no_new_privileges=not reached.open_because,
        syscalls=syscalls,
        note=_note(order, ground, backend, reached, lacking),
    )


def held_by(order: Order, config: LocalConfig, ground: Ground, lacking: str) -> Backend:
    """The backend, where nothing is open on purpose. Raises SandboxUnavailable: the settings require a better one."""
    backend = ground.backend(order.command.reach)
    if order.command.reach is Reach.HOST and order.manifest.proof is not Proof.READ and backend is Backend.SECCOMP:
        # an approved effect may be any program: one that fails half-way is a worse evil than what the filter closes
        return Backend.BWRAP
    reads = order.manifest.proof is Proof.READ
    least = config.least_for_reads if reads else config.least_for_effects
    if (reads or order.command.reach is Reach.SANDBOX) and backend.is_weaker(least):
        raise SandboxUnavailable(
            f"The policy asks for {least} at least, and here it would be held in by {backend}. Nothing was started.",
            fix="Mend the sandbox (`opsagent doctor` says how), or change `minimum_sandbox` in the policy.",
        )
    missing = ""
    if backend is Backend.RLIMITS and config.force in (Backend.BWRAP, Backend.SECCOMP):
        missing = f"bubblewrap is required here and does not work: {lacking}"
    elif backend is Backend.BWRAP and config.force is Backend.SECCOMP:
        missing = f"the seccomp filter is required here and does not work: {_first(ground.no_filter_because)}"
    if missing:
        raise SandboxUnavailable(
            f"{missing}. Nothing was started.",
            fix="Mend it (`opsagent doctor` says how), or allow the weaker backend in the settings.",
        )
    return backend


def _first(words: str) -> str:
    return words.partition(" To mend: ")[0].rstrip(".")


def find_user(order: Order, config: LocalConfig) -> views.User:
    """Who the command runs as: in the sandbox never root. Raises ExecutionError."""
    own, command = os.geteuid(), order.command
    sandboxed = command.reach is Reach.SANDBOX
    usual = (config.command_uid or NOBODY) if sandboxed and own == 0 else own
    uid = usual if command.uid is None else command.uid
    if own not in (0, uid):
        raise ExecutionError(
            f"It should run as user {uid}, and this server, user {own}, cannot become another; nothing was started.",
            fix="Leave the user out, or reach the machine over SSH as that user.",
        )
    if sandboxed and uid == 0:
        raise ExecutionError("No sandbox command runs as root; nothing was started.", fix="Leave the user out.")
    if uid == own:
        return views.User(uid=uid, gid=os.getegid(), groups=tuple(os.getgroups()), changes=False)
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return views.User(uid=uid, gid=uid, groups=(), changes=True)
    members = () if sandboxed else tuple(g.gr_gid for g in grp.getgrall() if entry.pw_name in g.gr_mem)
    return views.User(uid=uid, gid=entry.pw_gid, groups=members, changes=True)


def _host_reach(order: Order, config: LocalConfig, cwd: Path, folder: Path) -> Reached:
    reached = reached_by(order.manifest, order.command.writable, cwd=cwd, home=folder)
    if order.manifest.proof is not Proof.READ:
        named = (*order.manifest.writes, *order.manifest.deletes, *order.command.writable)
        targets = absolute(named, cwd=cwd, home=folder)
        own = [path.resolve() for path in (config.state, config.sandbox_root, *config.hidden)]
        reached_paths = (*targets, *(path.resolve() for path in targets))
        refuse_own_folders([path for path in reached_paths if folder not in path.parents], own)
    return reached


def _sandbox(order: Order, config: LocalConfig, ground: Ground, folder: Path) -> list[str]:
    return views.sandbox_view(
        folder,
        network=order.command.network,
        scratch_bytes=config.limits.scratch_bytes,
        sees=config.sandbox_sees,
        close_userns=ground.close_userns,
    )


def _host(order: Order, config: LocalConfig, reached: Reached, user: views.User, cwd: Path, folder: Path) -> list[str]:
    own = (str(config.state), *(str(path) for path in config.hidden))
    manifest = order.manifest
    # what the manifest calls sensitive was asked for: a person approved that very path
    asked = absolute((*manifest.sensitive, *manifest.writes, *manifest.deletes), cwd=cwd, home=folder)
    asked = [path.resolve() for path in asked]
    secret = [
        path
        for path in views.expand(config.secret_paths)
        if not any(path in (named, *named.parents) or named in path.parents for named in asked)
    ]
    granted = _capabilities(order, reached) if user.is_root else {}
    if "CAP_SYS_PTRACE" in granted:
        secret.append(Path(f"/proc/{os.getpid()}"))
    view = views.host_view(folder, user, writable=reached.writable, secret=[*secret, *views.expand(own)])
    return [*view, *(word for name in granted for word in ("--cap-add", name))]


def _capabilities(order: Order, reached: Reached) -> dict[str, int]:
    """What a root command keeps on the host: enough to read, to write where it may, and no more."""
    granted = dict(_READ_CAPABILITIES)
    if reached.writable:
        granted |= _WRITE_CAPABILITIES
    for invocation in order.manifest.invocations:
        if (invocation.name or "").rpartition("/")[2] in _SOCKET_TOOLS:
            granted["CAP_SYS_PTRACE"] = 19
    return granted


def _bounding(order: Order, backend: Backend, reached: Reached) -> tuple[int, ...] | None:
    """The capabilities to keep where bwrap does not see to it; None leaves them alone."""
    if backend is not Backend.RLIMITS or reached.open_because:
        return None
    if order.command.reach is Reach.SANDBOX:
        return ()
    return tuple(_capabilities(order, reached).values())


def _limits(order: Order, config: LocalConfig, user: views.User) -> dict[str, int]:
    """An effect on the host is not limited: a repair that dies half-way is worse than one that takes memory."""
    if order.command.reach is Reach.HOST and order.manifest.proof is not Proof.READ:
        return {"CORE": 0}
    limits = dict(config.limits.by_name())
    limits["NPROC"] += count_tasks(user.uid)
    return limits


def _environment(order: Order, folder: Path) -> dict[str, str]:
    """A clean environment, the command's own values, and its credential. Raises ExecutionError."""
    values = {
        "PATH": SEARCH_PATH,
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        MARK: order.token,
    }
    values |= permitted(order.command.environment)
    if order.login is not None:
        values |= {f"OPSAGENT_{name.upper()}": value for name, value in order.login.values.items()}
    return values


def _note(order: Order, ground: Ground, backend: Backend, reached: Reached, lacking: str) -> str:
    words = []
    if reached.open_because:
        words.append(f"Ran with this machine's filesystem writable as it is: {reached.open_because}.")
    elif backend is Backend.RLIMITS and order.command.reach is Reach.SANDBOX:
        words.append(f"Weak sandbox ({lacking}): files all may read and the network were within its reach.")
    elif backend is Backend.RLIMITS:
        words.append(f"No view of its own ({lacking}): this machine was not read-only for it.")
    elif Path("/") in reached.writable:
        words.append("A path it changes lies directly below /, so the whole filesystem was writable for it.")
    if not ground.shell.endswith("bash"):
        words.append("There is no bash here: it was run by sh.")
    return " ".join(words)
