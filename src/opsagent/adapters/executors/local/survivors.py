"""Finds and ends what an interrupted attempt left running: its launcher, its tree, and processes that got away."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path

from opsagent.adapters.executors.local.launcher import descendants, identity, signal_all

MARK = "OPSAGENT_STEP"  # in the environment of every process of a command; its value is the token
FROZEN = "Tt"  # states of /proc/PID/stat: stopped, traced
_GONE = (FileNotFoundError, ProcessLookupError)  # all else (too many open files) says nothing about a process
_DEATH_LIMIT_MS = 5000  # how long to wait for a killed process to be gone


def is_alive(who: str) -> bool:
    """Whether the very process (`pid:start:boot id`) still runs; a zombie does not. OSError: it cannot be told."""
    with contextlib.suppress(*_GONE, ValueError):
        pid = int(who.partition(":")[0])
        return identity(pid) == who and _state(pid) not in "ZX"
    return False


def is_frozen(pid: int) -> bool:
    """Whether the process is stopped, so that it cannot answer."""
    with contextlib.suppress(OSError):
        return _state(pid) in FROZEN
    return False


def runs_properly(who: str) -> bool:
    """Whether the very process runs and can answer."""
    return is_alive(who) and not is_frozen(int(who.partition(":")[0]))


def age_s(who: str) -> float:
    """Seconds since the process (`pid:start:boot id`, of this boot) was started. Raises OSError."""
    up = float(Path("/proc/uptime").read_text().split()[0])
    # never negative: a container may be told another uptime than the one its processes are stamped with
    return max(0.0, up - int(who.split(":")[1]) / os.sysconf("SC_CLK_TCK"))


def end_launcher(who: str, patience_s: float) -> None:
    """Ask a living launcher to end its tree and record it; kill it with its tree if it is frozen or does not answer.

    A killed process never executes another instruction of its own, even where its death has to wait for a disk: after
    this a gate that is closed stays closed.
    """
    pid = int(who.partition(":")[0])
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not is_alive(who):  # asked after the handle was taken: the handle is this process or a dead one
            return
        if not is_frozen(pid):
            _send(handle, signal.SIGTERM)
            if _wait(handle, int(patience_s * 1000)):
                return
        _send(handle, signal.SIGSTOP)
        _kill_below(pid)
        _send(handle, signal.SIGKILL)
        _wait(handle, _DEATH_LIMIT_MS)
    finally:
        os.close(handle)


def end_by_pid(pid: int) -> None:
    """End a child of ours that does not answer, with its tree."""
    signal_all([pid], signal.SIGSTOP)
    _kill_below(pid)
    signal_all([pid], signal.SIGKILL)


def end_marked(first: str, token: str) -> int:
    """Kill the command's first process and all that carry the token in their environment; how many are left.

    This is for a command whose launcher was killed without bwrap: its orphans belong to init, and only the mark tells
    them. A process that also left its session and cleared its environment cannot be found.
    """
    if is_alive(first):
        pid = int(first.partition(":")[0])
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            _kill_below(pid)
            if is_alive(first):
                _send(handle, signal.SIGKILL)
            _wait(handle, _DEATH_LIMIT_MS)
            os.close(handle)
    for _ in range(20):  # it may fork while we look
        marked = find_marked(token)
        if not marked:
            return 0
        for pid in marked:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                signal_all([pid], signal.SIGKILL)
                _wait(handle, _DEATH_LIMIT_MS // 10)
                os.close(handle)
    return len(find_marked(token))


def find_marked(token: str) -> list[int]:
    """Every living process with the token in its environment, as far as we may read that. Raises OSError."""
    needle = f"{MARK}={token}".encode()
    found = []
    for entry in os.scandir("/proc"):
        with contextlib.suppress(*_GONE, PermissionError):
            if entry.name.isdigit() and needle in Path(entry.path, "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def count_tasks(uid: int) -> int:
    """Threads the user has now, on the whole machine: RLIMIT_NPROC counts them all."""
    total = 0
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                total += len(os.listdir(f"/proc/{entry.name}/task"))  # noqa: PTH208 - pathlib is slow, /proc is long
    return total


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]


def _kill_below(pid: int) -> None:
    """Kill every process below `pid`, which must be frozen or unable to start more."""
    for _ in range(20):
        below = descendants(pid)
        signal_all(below, signal.SIGSTOP)
        signal_all(below, signal.SIGKILL)
        if not below or all(not _lives(child) for child in below):
            return


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return _state(pid) not in "ZX"
    return False


def _send(handle: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        signal.pidfd_send_signal(handle, number)


def _wait(handle: int, limit_ms: int) -> bool:
    """Whether the process ended within the limit."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(limit_ms))
