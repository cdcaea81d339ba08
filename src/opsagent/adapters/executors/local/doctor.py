"""Probes what this machine offers to hold a command in, and says in words what is missing and how to mend it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from opsagent.adapters.executors.local import syscalls, views
from opsagent.adapters.executors.local.config import NOBODY, SEARCH_PATH, Backend, LocalConfig
from opsagent.adapters.executors.local.confine import Ground, Plan
from opsagent.adapters.executors.local.folders import Folders
from opsagent.adapters.executors.local.lacking import aside, words_of
from opsagent.domain.command import Reach
from opsagent.errors import ExecutionError, SandboxUnavailable

PROBE_TIMEOUT_S = 10.0
Try = Callable[[Plan, str], Awaitable[str]]

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")  # Ubuntu 24.04
_CLONE = Path("/proc/sys/kernel/unprivileged_userns_clone")  # Debian
_MOST = Path("/proc/sys/user/max_user_namespaces")


async def probe(config: LocalConfig, folders: Folders, attempt: Try, run_id: str) -> Ground:
    """Try each view, the way a command would use it, in the folder of a run of its own: with its filter first.

    Raises ExecutionError, SandboxUnavailable, OSError: it could not be tried.
    """
    await aside(folders.check)
    shell = _shell()
    if config.force is Backend.RLIMITS:
        chosen = "the settings ask for the weaker backend"
        return Ground(shell=shell, no_sandbox_because=chosen, no_host_view_because=chosen)
    bwrap = shutil.which("bwrap", path=SEARCH_PATH)
    if bwrap is None:
        missing = "bubblewrap is not installed"
        return Ground(shell=shell, no_sandbox_because=missing, no_host_view_because=missing)
    own = views.User(uid=os.geteuid(), gid=os.getegid(), groups=tuple(os.getgroups()), changes=False)
    other = config.command_uid or NOBODY
    boxed = own if own.uid else views.User(uid=other, gid=other, groups=(), changes=True)
    filters, no_filter = await aside(_filters, config)
    folder = await aside(folders.open, run_id, boxed.uid, boxed.gid)
    try:
        trials = [_Trial(close_userns, filters[0]) for close_userns in (True, False)]
        trials += [_Trial(one.close_userns) for one in trials] if filters[0] else []
        for trial in trials:
            seen = views.sandbox_view(
                folder, network=False, scratch_bytes=1 << 20, sees=(), close_userns=trial.close_userns
            )
            trial.lacking = await attempt(_plan(bwrap, boxed, seen, folder, shell, trial.syscalls), "sandbox")
            if not trial.lacking:
                break
        await aside(folders.open, run_id, own.uid, own.gid)
        seen = views.host_view(folder, own, writable=(), secret=())
        views_of_host = [_Trial(syscalls=given) for given in dict.fromkeys((filters[1], b""))]
        for of_host in views_of_host:
            of_host.lacking = await attempt(_plan(bwrap, own, seen, folder, shell, of_host.syscalls), "host")
            if not of_host.lacking:
                break
    finally:
        await aside(folders.remove, run_id)
    return Ground(
        shell=shell,
        bwrap=bwrap,
        close_userns=trial.close_userns,
        no_sandbox_because=trial.lacking,
        no_host_view_because=of_host.lacking,
        sandbox_filter=trial.syscalls,
        host_filter=of_host.syscalls,
        no_filter_because="" if trial.syscalls else no_filter or trials[0].lacking,
    )


@dataclass(slots=True)
class _Trial:
    """One way to try; `lacking` is why it did not work."""

    close_userns: bool = True
    syscalls: bytes = b""
    lacking: str = ""


def _filters(config: LocalConfig) -> tuple[tuple[bytes, bytes], str]:
    """The filters for the sandbox and for reads of this machine; empty, and why, where there can be none."""
    if not config.filtered:
        return (b"", b""), "it was left out on purpose"
    try:
        return (syscalls.sandbox_filter(), syscalls.host_filter()), ""
    except SandboxUnavailable as error:
        return (b"", b""), f"{error.message}. To mend: {error.fix}"
    except (OSError, ValueError) as error:
        return (b"", b""), f"libseccomp could not make it: {words_of(error)}"


def unusable(error: ExecutionError) -> Ground:
    """What is said of a machine where not even the probe could run."""
    why = error.message
    return Ground(shell=_shell(), no_sandbox_because=why, no_host_view_because=why, trouble=why, mend=error.fix)


def _shell() -> str:
    return shutil.which("bash", path=SEARCH_PATH) or "/bin/sh"


def _plan(bwrap: str, user: views.User, seen: list[str], folder: Path, shell: str, refused: bytes) -> Plan:
    return Plan(
        backend=Backend.SECCOMP if refused else Backend.BWRAP,
        user=user,
        argv=(*views.frame(bwrap, user, filtered=bool(refused)), *seen, "--chdir", str(folder), "--", shell, "-c", ":"),
        environment={"PATH": SEARCH_PATH},
        cwd=Path("/"),
        base=folder,
        limits={"CORE": 0},
        syscalls=refused,
    )


def describe(ground: Ground, config: LocalConfig) -> dict[str, str]:
    """A line for each thing an operator should know; a line that needs a hand says what to do."""
    root = os.geteuid() == 0
    lines = {
        "sandbox": _sandbox_line(ground, config),
        "host view": _host_line(ground, root=root),
        "user": (
            f"root; sandbox commands run as user {config.command_uid or NOBODY}, repairs as root"
            if root
            else f"user {os.geteuid()}; every command runs as this user, so it can repair only what this user may write"
        ),
        "shell": ground.shell if ground.shell.endswith("bash") else f"{ground.shell}: bash is missing; install it",
        "tokens": f"{config.state} (keep it over a restart: it is how a command never runs twice)",
        "folders": f"{config.sandbox_root}/<run>",
    }
    if ground.trouble:
        del lines["host view"]
        lines["sandbox"] = f"no command can run: {ground.trouble} To mend: {ground.mend}"
    if ground.bwrap and not ground.close_userns and not ground.sandbox_filter:
        lines["nested namespaces"] = "allowed inside the sandbox: bubblewrap is older than 0.8; upgrade it"
    return lines


def fix_for(error: str) -> str:
    """What to do about a command that was not started."""
    if "changed since it was judged" in error or "which it executes" in error:
        return "Look at who changed the file; then start the step again, so that it is judged anew."
    if "longer than the kernel takes" in error:
        return "Split it, or hand the long part over as its input."
    if "sandbox could not be set up" in error:
        return "Run `opsagent doctor`: it tries the sandbox and says what is missing."
    return "Nothing happened; start the step again when the cause is gone."


def _sandbox_line(ground: Ground, config: LocalConfig) -> str:
    if not ground.no_sandbox_because:
        words = f"{ground.backend(Reach.SANDBOX)}: own files, own processes, no network unless asked"
        if ground.sandbox_filter:
            return f"{words}, no system calls that lead out"
        why, _, mend = ground.no_filter_because.partition(" To mend: ")
        mend = mend or "let it set a filter (CONFIG_SECCOMP_FILTER; a container's own profile may refuse it)"
        return f"{words}. Without a filter of system calls: {why.rstrip('.')}. To mend: {mend.rstrip('.')}."
    seen = "the files all may read" if os.geteuid() == 0 else "every file of this user, those of other runs included"
    words = (
        f"rlimits ({ground.no_sandbox_because}): resource limits only. Commands run one at a time, get no credential, "
        f"and see the network and {seen}; what leaves its session and clears its environment can stay behind if the "
        "launcher is killed."
    )
    if config.force is Backend.RLIMITS:
        return f"{words} To mend: leave the choice of the backend to the server."
    return f"{words} To mend: {_mend(ground)}"


def _host_line(ground: Ground, *, root: bool) -> str:
    if ground.no_host_view_because:
        return f"none ({ground.no_host_view_because}): a proven read is trusted, this machine is not read-only for it"
    backend = ground.backend(Reach.HOST)
    if root:
        return f"{backend}: a proven read sees this machine read-only, without its secret paths"
    return (
        f"{backend}: a proven read sees this machine read-only, without its secret paths. As this server is not root, "
        "other owners show as nobody, and `ss -p` names no process. To mend: run the server as root, or reach "
        "this machine over SSH."
    )


def _mend(ground: Ground) -> str:
    if not ground.bwrap:
        return "install bubblewrap (apt install bubblewrap, dnf install bubblewrap)."
    if "Permission denied" in ground.no_sandbox_because:
        return "put the sandbox root where the user of sandbox commands may pass, such as /tmp/agent-ops."
    if _reads(_APPARMOR) == "1":
        return "give bwrap an AppArmor profile with userns, or sysctl kernel.apparmor_restrict_unprivileged_userns=0."
    if _reads(_CLONE) == "0":
        return "sysctl kernel.unprivileged_userns_clone=1."
    if _reads(_MOST) == "0":
        return "sysctl user.max_user_namespaces=10000."
    return "in a container, use a seccomp profile that permits clone, unshare and mount; on Fargate there is no way."


def _reads(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
