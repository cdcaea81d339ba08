"""Starts one command at most once, holds it in, ends everything it left, and writes down how it ended.

A stand-alone program of the standard library, run as `python -ISs launcher.py` with its order as JSON on stdin, in a
session of its own, so that it outlives the server: the effect ends properly and its outcome is on disk. The input of
the command is an open file whose number the order names (`stdin`, or -1); it never is on a disk.

Four names in the folder of the run say all there is to know about an attempt, in this order:

    TOKEN          symbolic link to `pid:start:boot id` of this launcher; made in one step with its identity
    TOKEN.started  symbolic link to `pid:start:boot id` of the command's first process, which still waits at a gate
    TOKEN.stdout   what it wrote so far (and .stderr); may be partial
    TOKEN.outcome  JSON, written to a temporary file, synced, renamed

The folder is synced once after `.started` and before the gate opens, so a power cut cannot lose a token that had an
effect. The windows in which this launcher can die or freeze, and what recovery (survivors.py) makes of each:

    before TOKEN             recovery takes TOKEN itself: never started, for ever; a thawed launcher finds it taken
    TOKEN, no .started       the command waits at the gate, or is not there; its launcher dead, the gate never opens and
                             it ends by itself: never started
    .started, gate closed    cannot be told from the next window: unknown
    gate open, no .outcome   what is left of the command is ended: unknown, with the output so far
    .outcome                 finished (or, where it says `started: false`, never started)

A living launcher is asked to end (SIGTERM): it kills its tree and records `cancelled`. A frozen one is killed with its
tree, since thawed it might still open the gate.
"""

# Each import costs every command milliseconds: no pathlib, no typing, hashlib where it is used.
# ruff: noqa: PTH105, PTH118, PTH120, PTH123, PTH208, PTH211
from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import selectors
import signal
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38
STATUS_FD, FILTER_FD = 3, 4  # where bwrap reports, and reads its filter; the argv names these numbers
ABSENT, LARGEST_FILE = "absent", 64 * 1024 * 1024  # as hashes.py says of what it cannot or need not hash
DISK_LOOK_S = 0.25  # between two looks at how full the disk is
END_LIMIT_S = 5.0  # how long to go on killing before saying that something was left
DRAIN_LIMIT_S = 1.0  # how long to wait for the pipes to close once nothing of the tree lives


class NotStarted(Exception):
    """The token is taken and the command was not started; carries the words for a person."""


class Stream:
    """One output of the command: the first and the last half of the cap in memory, the start of it all on disk."""

    def __init__(self, fd: int, path: str, cap: int, spill_cap: int) -> None:
        self.fd, self.path, self.half, self.room = fd, path, max(1, cap // 2), spill_cap
        self.head, self.tail, self.total, self.spill = bytearray(), bytearray(), 0, -1

    def read(self) -> bool:
        """Take what is there; False at the end. A full disk costs the full output, never the command."""
        data = os.read(self.fd, 1 << 16)
        self.total += len(data)
        first, rest = data[: self.half - len(self.head)], data[: self.room]
        self.head += first
        self.tail += data[len(first) :]
        del self.tail[: -self.half]
        with contextlib.suppress(OSError):
            if rest and self.spill < 0:
                self.spill = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            while rest:
                written = os.write(self.spill, rest)
                self.room, rest = self.room - written, rest[written:]
        return bool(data)

    def report(self) -> dict[str, object]:
        """Head and tail (a character for each byte), and how many bytes there were."""
        return {"head": self.head.decode("latin-1"), "tail": self.tail.decode("latin-1"), "total": self.total}


def prctl(option: int, value: int) -> int:
    """Ask the kernel for a property of this process; 0 or -1."""
    return int(ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def identity(pid: int) -> str:
    """`pid:start:boot id`: survives reuse of the number and a reboot."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        started = file.read().rpartition(b")")[2].split()[19].decode()
    with open("/proc/sys/kernel/random/boot_id") as file:
        return f"{pid}:{started}:{file.read().strip()}"


def sync_folder(path: str) -> None:
    """Make the names in the folder of `path` durable."""
    fd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def write_outcome(path: str, outcome: dict[str, object]) -> None:
    """Write the outcome so that it is either there as a whole or not at all, power cut included."""
    temporary = f"{path}.tmp"
    with open(temporary, "w") as file:
        json.dump(outcome, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path)


def room(disk: int) -> tuple[int, int]:
    """Free bytes and free places for files on an open folder's disk: deleted files and deep trees show here, too."""
    found = os.statvfs(disk)
    return found.f_bfree * found.f_frsize, found.f_ffree


def reach_failpoint(spec: dict[str, Any], name: str) -> None:
    """Die or freeze here when a test asks for it."""
    action = spec["failpoints"].get(name)
    if action:
        os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)


def check_files(spec: dict[str, Any]) -> None:
    """Every file the command executes still is what was judged, `absent` included; raises NotStarted."""
    for path, expected in spec["files"]:
        found = ABSENT
        with contextlib.suppress(OSError):
            fd = os.open(os.path.join(spec["folder"], path), os.O_RDONLY | os.O_NONBLOCK)
            with open(fd, "rb") as file:
                about = os.fstat(fd)
                if stat.S_ISREG(about.st_mode) and about.st_size <= LARGEST_FILE:
                    import hashlib

                    found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise NotStarted(f"{path}, which it executes, has changed since it was judged")


def descendants(root: int) -> list[int]:
    """Every process below `root`, as far as it can be seen now."""
    found: list[int] = []
    queue = [root]
    while queue:
        pid = queue.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    children = [int(word) for word in file.read().split()]
                found += children
                queue += children
    return found


def signal_all(pids: list[int], number: int) -> None:
    """Signal each; one that is gone or not ours is passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


class Tree:
    """The command's processes: started behind a gate, watched, and ended to the last one."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec, self.pid, self.status, self.inner = spec, 0, -1, 0
        self.opened = self.ended = self.reported = self.asked = self.timed_out = self.cancelled = self.filled = False
        self.streams: list[Stream] = []
        self.swept: set[int] = set()
        self.wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "asked", True))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGHUP, signal.SIGINT):
            signal.signal(ignored, signal.SIG_IGN)

    def start(self) -> None:
        """Fork, prepare behind the gate, mark as started, open the gate; raises NotStarted."""
        spec = self.spec
        out, err, report, gate, failure = (os.pipe2(os.O_CLOEXEC) for _ in range(5))
        source = spec["stdin"] if spec["stdin"] >= 0 else os.open("/dev/null", os.O_RDONLY)
        given = (source, *([spec["filter"]] if spec["filter"] >= 0 else ()))
        for fd in given:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # the command has its input there and nowhere else
        launcher, self.pid = os.getpid(), os.fork()
        if self.pid == 0:
            os.close(gate[1])
            become(spec, (source, out[1], err[1], report[1], *given[1:]), gate[0], failure[1], launcher)
        for fd in (source, out[1], err[1], report[1], gate[0], failure[1]):
            os.close(fd)
        reach_failpoint(spec, "after-fork")
        if self.asked:
            raise NotStarted("it was cancelled before it started")
        os.symlink(identity(self.pid), spec["started"])
        sync_folder(spec["started"])
        reach_failpoint(spec, "after-marker")
        self.opened = True
        with contextlib.suppress(BrokenPipeError):
            os.write(gate[1], b"!")
        with open(failure[0], "rb") as file:
            words = file.read().decode(errors="replace")
        if words:
            raise NotStarted(words)
        outputs = ((out[0], spec["stdout"]), (err[0], spec["stderr"]))
        self.streams = [Stream(*output, spec["cap"], spec["spillCap"]) for output in outputs]
        self.report = report[0]

    def watch(self) -> None:
        """Drain the output until the command ends, its time is up, or somebody asks; then end what is left."""
        chooser = selectors.DefaultSelector()
        for stream in self.streams:
            chooser.register(stream.fd, selectors.EVENT_READ, stream.read)
        chooser.register(self.report, selectors.EVENT_READ, self._read_report)
        chooser.register(self.wake, selectors.EVENT_READ, self._clear_wake)
        most, disk = self.spec["disk"][1], os.open(self.spec["disk"][0], os.O_PATH | os.O_CLOEXEC)
        limit, warned, before = time.monotonic() + self.spec["timeout"], False, room(disk)
        while not (self._reap() or self.ended or self.filled):
            now = time.monotonic()
            if not warned and (self.asked or now >= limit):
                self.cancelled, self.timed_out = self.asked, not self.asked
                # bwrap itself is spared: its end would end the tree without the grace
                spared = {self.pid, self.inner} if self.spec["wrapped"] else set()
                signal_all([pid for pid in descendants(os.getpid()) if pid not in spared], signal.SIGTERM)
                limit, warned = now + self.spec["grace"], True
            elif now >= limit:
                break
            self._serve(chooser, min(limit - now, DISK_LOOK_S))
            gone = [was - now for was, now in zip(before, room(disk), strict=True)]
            self.filled = most > 0 and (gone[0] > most or gone[1] > most // 4096)
        self.end()
        limit = time.monotonic() + DRAIN_LIMIT_S
        while len(chooser.get_map()) > 1 and time.monotonic() < limit:
            self._serve(chooser, limit - time.monotonic())

    def _serve(self, chooser: selectors.BaseSelector, wait_s: float) -> None:
        for key, _ in chooser.select(max(0.0, wait_s)):
            if not key.data():
                chooser.unregister(key.fileobj)

    def _clear_wake(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 1 << 12)
        return True

    def _read_report(self) -> bool:
        """Take bwrap's words: the pid of its first process, and that the command itself came to its end."""
        data = os.read(self.report, 1 << 12)
        for line in data.splitlines():
            with contextlib.suppress(ValueError):
                words = json.loads(line)
                self.inner = words.get("child-pid", self.inner)
                self.reported = self.reported or "exit-code" in words
        return bool(data)

    def _reap(self) -> bool:
        """Collect the dead; whether nobody is left."""
        try:
            while (dead := os.waitpid(-1, os.WNOHANG))[0]:
                if dead[0] == self.pid:
                    self.status, self.ended = dead[1], True
        except ChildProcessError:
            return True
        return False

    def end(self) -> None:
        """Kill until there is nothing below this process: it adopts orphans, so no `setsid` escapes it."""
        limit = time.monotonic() + END_LIMIT_S
        while time.monotonic() < limit:
            frozen: set[int] = set()
            while fresh := [pid for pid in descendants(os.getpid()) if pid not in frozen]:
                signal_all(fresh, signal.SIGSTOP)  # a frozen process cannot fork away from the killing
                frozen.update(fresh)
            self.swept |= frozen
            if not frozen and self._reap():
                return
            signal_all(list(frozen), signal.SIGKILL)
            self._reap()
            select.select([self.wake], [], [], 0.005)
            self._clear_wake()

    def outcome(self, started_at: float, ended_at: float) -> dict[str, object]:
        """What is written down; raises NotStarted where the sandbox could not be set up."""
        code = os.waitstatus_to_exitcode(self.status) if self.ended else -int(signal.SIGKILL)
        stopped = self.timed_out or self.cancelled or self.filled
        if self.spec["wrapped"] and not stopped and code > 0 and not self.reported:
            words = bytes(self.streams[1].head).decode(errors="replace").strip()
            raise NotStarted(f"its sandbox could not be set up: {words[-500:]}")
        if stopped and code > 128:  # a shell's or bwrap's way to say that a signal ended it
            code = 128 - code
        ending = {"exit": code if code >= 0 else None, "signal": -code if code < 0 else None}
        why = {"timedOut": self.timed_out, "cancelled": self.cancelled, "filled": self.filled}
        rest = {"swept": len(self.swept), "left": len(descendants(os.getpid())), "startedAt": started_at}
        output = {"stdout": self.streams[0].report(), "stderr": self.streams[1].report()}
        return {"started": True, "how": self.spec["how"], **ending, **why, **rest, "endedAt": ended_at, **output}


def become(spec: dict[str, Any], fds: tuple[int, ...], gate: int, failure: int, launcher: int) -> NoReturn:
    """In the child: put on the limits and the user, wait at the gate, become the command."""
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        os.umask(0o022)
        # above the reserved numbers first, so that no dup2 overwrites a descriptor that is still needed
        gate, failure, *high = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (gate, failure, *fds))
        for number, fd in enumerate(high):
            os.dup2(fd, number, inheritable=number < STATUS_FD or spec["wrapped"])
        for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC), b"500")  # it goes, not the server
        put_on_limits(spec["limits"])
        put_on_user(spec)
        os.chdir(spec["cwd"])
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the user: changing it clears this
        if spec["noNewPrivileges"]:
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        if os.read(gate, 1) and os.getppid() == launcher:
            os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 - running a command is what this is for
    except (OSError, ValueError) as error:
        long = isinstance(error, OSError) and error.errno == errno.E2BIG
        os.write(failure, b"its text is longer than the kernel takes (128 KiB)" if long else str(error).encode())
    finally:
        os._exit(125)


def put_on_limits(limits: dict[str, int]) -> None:
    """Set the resource limits, none above what this process has itself."""
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        most = resource.getrlimit(which)[1] % (1 << 63)  # infinity is -1
        # a second more before SIGKILL, so that SIGXCPU says why
        resource.setrlimit(which, (min(value, most), min(value + (name == "CPU"), most)))


def put_on_user(spec: dict[str, Any]) -> None:
    """Drop capabilities from the bounding set, then the groups and the user."""
    if spec["capabilities"] is not None and os.geteuid() == 0:
        for number in range(64):  # linux/capability.h has 41; the rest is answered with EINVAL
            if number not in spec["capabilities"]:
                prctl(PR_CAPBSET_DROP, number)
    if spec["uid"] is not None and spec["uid"] != os.geteuid():
        os.setgroups(spec["groups"])
        os.setresgid(spec["gid"], spec["gid"], spec["gid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])


def launch(spec: dict[str, Any]) -> dict[str, object]:
    """Take the token, then run; the answer is what the server is told."""
    begun, tree = time.monotonic(), Tree(spec)
    reach_failpoint(spec, "before-token")
    if tree.asked:
        return {"state": "cancelled"}
    try:
        os.symlink(identity(os.getpid()), spec["token"])
    except OSError as error:
        taken = isinstance(error, FileExistsError)
        return {"state": "taken" if taken else "error", "error": f"its start token cannot be written: {error.strerror}"}
    reach_failpoint(spec, "after-token")
    try:
        check_files(spec)
        tree.start()
        started = time.monotonic()
        reach_failpoint(spec, "after-spawn")
        tree.watch()
        outcome = tree.outcome(spec["now"] + started - begun, spec["now"] + time.monotonic() - begun)
    except (NotStarted, OSError) as error:
        tree.end()
        if tree.opened and not isinstance(error, NotStarted):
            return {"state": "lost", "error": str(error)}  # it may have run: no outcome is the honest record
        outcome = {"started": False, "error": str(error)}
    reach_failpoint(spec, "before-outcome")
    try:
        write_outcome(spec["outcome"], outcome)
    except OSError as error:
        return {"state": "ended", "outcome": outcome, "unwritten": str(error)}
    return {"state": "ended", "outcome": outcome}


def main() -> None:
    """Read the order, run it, tell the server if it still listens."""
    prctl(PR_SET_DUMPABLE, 0)  # the order may hold secrets; nobody of this user may read this memory
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    os.umask(0o077)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(launch(json.load(sys.stdin))))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
