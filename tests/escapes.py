"""Ways out of the sandbox, each tried for real, and which backend holds against which.

Stand-alone but for `local_shell`, so that a server that is an ordinary user can be tried by another interpreter.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from local_shell import Bench, eventually, running, sleepers, unique_seconds
from opsagent.adapters.executors.local import Backend, Limits, LocalExecutor
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.ports.executor import Order

SECRET = "very-secret-value"
ESCAPED = "ESCAPED"
MIB = 1 << 20
LIMITS = Limits(
    address_space_bytes=512 * MIB,
    file_size_bytes=16 * MIB,
    tasks=60,
    scratch_bytes=MIB,
    disk_bytes=64 * MIB,
)
# What is tried: a backend, and whether the server is root (its sandbox commands are then another user's).
ALL = frozenset({"bwrap+seccomp", "bwrap", "rlimits", "rlimits, not root"})
NONE: frozenset[str] = frozenset()
BOXED = frozenset({"bwrap+seccomp", "bwrap"})
FILTERED = frozenset({"bwrap+seccomp"})
OTHER_USER = BOXED | {"rlimits"}
COLUMNS = ("bwrap+seccomp", "bwrap", "rlimits", "rlimits, not root")
# Nobody else's, in this worker alone: the kernel counts a user's processes on the whole machine, and a fork bomb of
# one test would keep another from forking at all.
OURS = 60_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@dataclass(kw_only=True)
class World:
    """What an attacker would like to reach, around one bench."""

    bench: Bench
    executor: LocalExecutor
    server: subprocess.Popen[str]
    neighbour: subprocess.Popen[bytes]
    tcp: socket.socket
    udp: socket.socket
    abstract: socket.socket
    local: socket.socket
    seconds: str = field(default_factory=unique_seconds)
    peak: int = 0

    @property
    def names(self) -> dict[str, str]:
        """What the texts of the attacks call them."""
        folder = self.bench.folder
        return {
            "server": str(self.server.pid),
            "neighbour": str(self.neighbour.pid),
            "data": str(folder / "data"),
            "state": str(folder / "state"),
            "other": str(folder / "sandbox" / "other-run"),
            "public": str(folder / "public"),
            "effects": str(self.bench.effects),
            "tcp": str(self.tcp.getsockname()[1]),
            "udp": str(self.udp.getsockname()[1]),
            "abstract": self.abstract.getsockname()[1:].decode(),
            "socket": str(self.local.getsockname()),
            "seconds": self.seconds,
            "secret": SECRET,
            "shm": f"/dev/shm/{self.seconds}",
        }


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One attempt. It worked if it prints ESCAPED, or, where `found` is given, if that says so.

    `held` are the columns where it fails. `host` is a proven read of this machine, any other a sandbox command.
    """

    name: str
    text: str
    held: frozenset[str]
    host: bool = False
    network: bool = False
    timeout_s: float = 20.0
    needs_root: bool = False
    found: Callable[[World, Outcome], bool] | None = None
    prepare: Callable[[World], None] | None = None


def python(lines: str) -> str:
    """A program of the machine's own Python; what it raises is a failed attempt."""
    return f"/usr/bin/python3 - <<'EOF'\n{CALL}{lines}\nEOF"


CALL = """
import ctypes, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
numbers = ctypes.CDLL("libseccomp.so.2")
def call(name, *given):
    given = [one if isinstance(one, bytes) else ctypes.c_long(one) for one in given]
    done = libc.syscall(numbers.seccomp_syscall_resolve_name(name.encode()), *given)
    if done < 0:
        raise OSError(ctypes.get_errno(), name)
    return done
"""


def _heard(name: str) -> Callable[[World, Outcome], bool]:
    """Whether the socket outside was reached."""

    def found(world: World, _: Outcome) -> bool:
        given: socket.socket = getattr(world, name)
        try:
            if given.type == socket.SOCK_DGRAM:
                return bool(given.recv(100))
            given.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    return found


def _left(world: World, _: Outcome) -> bool:
    return bool(sleepers(world.seconds))


def _outside(path: str) -> Callable[[World, Outcome], bool]:
    """Whether the file is there, seen from outside."""

    def found(world: World, _: Outcome) -> bool:
        there = Path(path.format_map(world.names))
        try:
            return there.exists()
        finally:
            there.unlink(missing_ok=True)

    return found


def _many(world: World, outcome: Outcome) -> bool:
    """Whether it grew beyond its limit, or lived on. bwrap, its first process and the shell stand on top."""
    return world.peak > LIMITS.tasks + 10 or _left(world, outcome)


def _set_user_id(world: World) -> None:
    folder = world.bench.folder / "sandbox" / world.bench.run_id
    program = folder / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)


ATTACKS = (
    # the server
    Attack(
        name="read the server's environment",
        text="cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -q {secret} && echo ESCAPED",
        held=ALL,
    ),
    Attack(
        name="read the server's memory",
        text="head -c 1 /proc/{server}/maps | grep -q . && echo ESCAPED; exec 3</proc/{server}/mem && echo ESCAPED",
        held=ALL,
    ),
    Attack(name="read its data folder", text="grep -rq {secret} {data} && echo ESCAPED", held=OTHER_USER),
    Attack(name="free a start token", text="ls {state}/* && rm -r {state}/* && echo ESCAPED", held=OTHER_USER),
    Attack(name="read another run's folder", text="grep -rq {secret} {other} && echo ESCAPED", held=OTHER_USER),
    Attack(name="signal the server", text="kill -0 {server} && echo ESCAPED", held=OTHER_USER),
    Attack(name="see its arguments", text="grep -q python /proc/{server}/cmdline && echo ESCAPED", held=BOXED),
    Attack(name="signal a neighbour of the same user", text="kill -0 {neighbour} && echo ESCAPED", held=BOXED),
    Attack(name="open the server's terminal", text="exec 3<>/dev/tty && echo ESCAPED", held=ALL),
    # files
    Attack(name="read a file all may read", text="grep -q {secret} {public} && echo ESCAPED", held=BOXED),
    Attack(
        name="write where all may write",
        text="echo x > {effects}/mark",
        found=_outside("{effects}/mark"),
        held=BOXED,
    ),
    Attack(
        name="change the system",
        text="for f in /usr/mark /etc/mark /mark; do touch $f && echo ESCAPED; done",
        held=ALL,
    ),
    Attack(
        name="change a setting of the kernel",
        text="cat /proc/sys/kernel/hostname > /proc/sys/kernel/hostname && echo ESCAPED",
        held=ALL,
    ),
    Attack(
        name="gain root by a set-user-id program",
        text='test "$(./id -u)" = 0 && echo ESCAPED',
        prepare=_set_user_id,
        needs_root=True,
        held=ALL,
    ),
    # the network
    Attack(
        name="connect to a TCP server of this machine",
        text="exec 3<>/dev/tcp/127.0.0.1/{tcp}",
        found=_heard("tcp"),
        held=BOXED,
    ),
    Attack(
        name="send a UDP packet",
        text="echo x > /dev/udp/127.0.0.1/{udp}",
        found=_heard("udp"),
        held=BOXED,
    ),
    Attack(
        name="reach a socket without a file",
        text=python("socket.socket(socket.AF_UNIX).connect('\\0{abstract}')"),
        found=_heard("abstract"),
        held=BOXED,
    ),
    Attack(
        name="the same, with the network on",
        text=python("socket.socket(socket.AF_UNIX).connect('\\0{abstract}')"),
        found=_heard("abstract"),
        network=True,
        held=FILTERED,
    ),
    Attack(
        name="reach a socket that is a file (as docker.sock)",
        text=python("socket.socket(socket.AF_UNIX).connect('{socket}')"),
        found=_heard("local"),
        held=BOXED,
    ),
    # the kernel
    Attack(name="nest a user namespace", text="unshare -Ur echo ESCAPED", held=BOXED),
    Attack(
        name="the same, by clone(2)",
        text=python(
            "child = call('clone', 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)\n"
            "if not child: os._exit(7)\n"
            "print(['', 'ESCAPED'][os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7])"
        ),
        held=BOXED,
    ),
    Attack(name="mount", text="unshare -Urm mount -t tmpfs none /mnt && echo ESCAPED", held=BOXED),
    Attack(
        name="trace a process",
        text=python(
            "child = os.fork()\n"
            "if not child: time.sleep(60)\n"
            "try:\n"
            "    call('ptrace', 16, child, 0, 0)\n"
            "    print('ESCAPED')\n"
            "finally: os.kill(child, 9)"
        ),
        held=FILTERED,
    ),
    Attack(
        name="keep a key in the kernel",
        text=python("call('add_key', b'user', b'opsagent-test', b'x', 1, -4); print('ESCAPED')"),
        held=FILTERED,
    ),
    # taking too much
    Attack(
        name="leave a process behind",
        text="(setsid setsid sleep {seconds} &) ; setsid nohup sleep {seconds} >/dev/null 2>&1 & echo done",
        found=_left,
        held=ALL,
    ),
    Attack(
        name="leave one behind without its mark",
        text="env -i setsid -f sleep {seconds}; echo done",
        found=_left,
        held=ALL,
    ),
    Attack(
        name="a fork bomb",
        text="bomb() {{ sleep {seconds} & bomb | bomb & }}; bomb 2>/dev/null; sleep {seconds}",
        timeout_s=1.5,
        found=_many,
        held=ALL,
    ),
    Attack(
        name="take memory in one process",
        text=python("bytearray(1 << 30); print('ESCAPED')"),
        held=ALL,
    ),
    Attack(
        name="take memory in many processes",
        text=python(
            "heard, told = os.pipe()\n"
            "for _ in range(3):\n"
            "    if not os.fork():\n"
            "        taken = bytearray(300 << 20)\n"
            "        os.write(told, b'x')\n"
            "        signal.pause()\n"
            "print(''.join(os.read(heard, 1).decode() for _ in range(3)), flush=True)\n"
        ),
        timeout_s=30.0,
        found=lambda _, outcome: outcome.stdout.count("x") == 3,
        held=NONE,
    ),
    Attack(
        name="fill the disk with files",
        text="for i in $(seq 1000); do head -c 16M /dev/zero > f$i || exit; sleep 0.01; done; echo ESCAPED",
        held=ALL,
    ),
    Attack(
        name="fill it with files that are deleted already",
        text="for i in $(seq 300); do exec {{fd}}>f; rm f; head -c 15M /dev/zero >&$fd; sleep 0.01; done; echo ESCAPED",
        held=ALL,
    ),
    Attack(
        name="fill the machine's memory disk",
        text="head -c 8M /dev/zero > {shm}",
        found=_outside("{shm}"),
        held=BOXED,
    ),
    # proven reads of this machine
    Attack(
        name="a host read: the server's environment",
        text="tr '\\0' '\\n' < /proc/{server}/environ | grep -q {secret} && echo ESCAPED",
        host=True,
        held=ALL,
    ),
    Attack(name="a host read: the data folder", text="grep -rq {secret} {data} && echo ESCAPED", host=True, held=BOXED),
    Attack(name="a host read: another run", text="grep -rq {secret} {other} && echo ESCAPED", host=True, held=BOXED),
    Attack(
        name="a host read: writes",
        text="echo x > {effects}/mark",
        found=_outside("{effects}/mark"),
        host=True,
        held=BOXED,
    ),
    Attack(name="a host read: signals the server", text="kill -0 {server} && echo ESCAPED", host=True, held=BOXED),
    Attack(name="a host read: nests a namespace", text="unshare -U echo ESCAPED", host=True, held=FILTERED),
    Attack(
        name="a host read: leaves a process behind",
        text="env -i setsid -f sleep {seconds}; echo done",
        host=True,
        found=_left,
        held=ALL,
    ),
)


@contextlib.contextmanager
def world(bench: Bench, *, filtered: bool) -> Iterator[World]:
    """Everything an attacker would like to reach, put up and taken down."""
    folder = bench.folder
    (folder / "data").mkdir(mode=0o700)
    (folder / "data" / "opsagent.db").write_text(SECRET)
    (folder / "public").write_text(SECRET)
    (folder / "public").chmod(0o644)
    with contextlib.ExitStack() as up:
        made = {
            "tcp": up.enter_context(socket.create_server(("127.0.0.1", 0))),
            "udp": up.enter_context(socket.socket(type=socket.SOCK_DGRAM)),
            "abstract": up.enter_context(socket.socket(socket.AF_UNIX)),
            "local": up.enter_context(socket.socket(socket.AF_UNIX)),
        }
        made["udp"].bind(("127.0.0.1", 0))
        made["abstract"].bind(f"\0opsagent-{os.getpid()}-{id(made)}")
        made["local"].bind(str(folder / "docker.sock"))
        (folder / "docker.sock").chmod(0o666)
        for name in ("abstract", "local"):
            made[name].listen()
        for one in made.values():
            one.setblocking(False)
        server = up.enter_context(_server())
        root = os.geteuid() == 0
        user = {"user": OURS, "group": OURS, "extra_groups": []} if root else {}
        neighbour = subprocess.Popen(["sleep", "600"], **user)
        up.callback(neighbour.wait)
        up.callback(neighbour.kill)
        uid = {"command_uid": OURS} if root else {}
        executor = bench.server(limits=LIMITS, hidden=(folder / "data",), filtered=filtered, **uid)
        yield World(bench=bench, executor=executor, server=server, neighbour=neighbour, **made)


@contextlib.contextmanager
def _server() -> Iterator[subprocess.Popen[str]]:
    """A process of the server's user that closes itself as the server does, with a secret in its environment."""
    program = (
        "import sys; sys.path[:0] = %r\n"
        "from opsagent.adapters.executors.local import harden_process\n"
        "assert harden_process()\nprint('hard', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program % sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"API_KEY": SECRET},
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "hard\n"
        try:
            yield process
        finally:
            process.stdin.close()


async def try_out(attack: Attack, around: World) -> tuple[bool, Outcome]:
    """Whether the attack worked, and how its command ended."""
    bench = around.bench
    for run, text in (("other-run", f"echo {SECRET} > f"), (bench.run_id, "true")):
        await around.executor.run(bench.order(text, run_id=run))
    if attack.prepare is not None:
        attack.prepare(around)
    text = attack.text.format_map(around.names) if "EOF" not in attack.text else _filled(attack.text, around)
    order = (bench.host if attack.host else bench.order)(
        text, proof=Proof.READ, timeout_s=attack.timeout_s, network=attack.network or attack.host
    )
    with _counting(around, order):
        outcome = await around.executor.run(order)
    escaped = attack.found(around, outcome) if attack.found else ESCAPED in outcome.stdout
    await eventually(lambda: not running(order))
    return escaped, outcome


def _filled(text: str, around: World) -> str:
    """A program's text has braces of its own."""
    for name, value in around.names.items():
        text = text.replace("{" + name + "}", value)
    return text


@contextlib.contextmanager
def _counting(around: World, order: Order) -> Iterator[None]:
    """The most processes the command had at any moment somebody looked."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            around.peak = max(around.peak, len(running(order)))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def column(backend: Backend) -> str:
    """How the table calls what is tried here."""
    return "rlimits, not root" if backend is Backend.RLIMITS and os.geteuid() != 0 else str(backend)


def table() -> str:
    """The attacks and who holds, as the guide has it."""
    lines = [f"| attempt | {' | '.join(COLUMNS)} |", "|---|" + "---|" * len(COLUMNS)]
    for one in ATTACKS:
        cells = ("held" if name in one.held else "**not held**" for name in COLUMNS)
        lines.append(f"| {one.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


async def _main(folder: Path, backend: Backend, *, filtered: bool) -> dict[str, bool]:
    """Try all of it as the user this is; which of them worked."""
    worked = {}
    for number, attack in enumerate(ATTACKS):
        if attack.needs_root:
            continue
        place = folder / str(number)
        place.mkdir()
        bench = Bench(place, backend)
        with world(bench, filtered=filtered) as around:
            worked[attack.name] = (await try_out(attack, around))[0]
            await around.executor.release(bench.run_id)
    return worked


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(table(), end="")
    else:
        import json

        chosen = Backend(sys.argv[2])
        print(json.dumps(asyncio.run(_main(Path(sys.argv[1]), chosen, filtered=chosen is not Backend.BWRAP))))
