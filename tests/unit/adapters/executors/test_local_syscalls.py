"""The filter of system calls: built, put on, answered as it says, and done without where there can be none."""

from __future__ import annotations

import platform
import signal
from collections.abc import Callable

import pytest

from local_shell import BACKENDS, Bench
from opsagent.adapters.executors.local import Backend, LocalExecutor, syscalls
from opsagent.domain.manifest import Proof
from opsagent.errors import SandboxUnavailable

pytestmark = pytest.mark.skipif(BACKENDS[0] is not Backend.SECCOMP, reason="bubblewrap is not installed")

# Each call is made with arguments that let it fail without harm where it is not refused (EBADF, EFAULT, EINVAL).
CALLS = """
import ctypes, errno, sys
libc, failed = ctypes.CDLL(None, use_errno=True), []
seccomp = ctypes.CDLL("libseccomp.so.2")
for name in sys.argv[1:]:
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        ctypes.set_errno(0)
        libc.syscall(number, *(ctypes.c_long(-1),) * 6)
        print(name, errno.errorcode.get(ctypes.get_errno(), "done"))
"""
QUOTED = f"/usr/bin/python3 -c '{CALLS}'"


async def answers(server: LocalExecutor, bench: Bench, names: str, *, host: bool = False) -> dict[str, str]:
    order = (bench.host if host else bench.order)(f"{QUOTED} {names}")
    outcome = await server.run(order)
    assert outcome.exit_code == 0, outcome
    return dict(line.split() for line in outcome.stdout.splitlines())


@pytest.fixture(scope="module", autouse=True)
def _python() -> None:
    if platform.system() != "Linux":
        pytest.skip("the filter is Linux's")


async def test_every_call_of_the_list_is_refused(boxed: Bench) -> None:
    server = boxed.server()
    found = await answers(server, boxed, f"{syscalls._BOTH} {syscalls._SANDBOX}".replace("\n", " "))
    assert len(found) > 40
    assert set(found.values()) == {"EPERM"}, found
    assert set((await answers(server, boxed, syscalls._UNKNOWN)).values()) == {"ENOSYS"}
    assert await answers(server, boxed, "fallocate close") == {"fallocate": "ENOTSUP", "close": "EBADF"}


async def test_a_read_of_this_machine_is_refused_less(boxed: Bench) -> None:
    server = boxed.server()
    found = await answers(server, boxed, syscalls._BOTH.replace("\n", " "), host=True)
    assert set(found.values()) == {"EPERM"}, found
    assert "ENOSYS" not in (await answers(server, boxed, "quotactl fallocate", host=True)).values()


TRIES = {
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "unix": "socket.socket(socket.AF_UNIX)",
    "vsock": "socket.socket(40, socket.SOCK_STREAM)",
    "alg": "socket.socket(38, socket.SOCK_SEQPACKET)",
    "inet": "socket.socket()",
    "inet6": "socket.socket(socket.AF_INET6)",
    "pair": "socket.socketpair()",
    "thread": "threading.Thread(target=int).start()",
    "process": "subprocess.run(['true'])",
    "name": "socket.getaddrinfo('127.0.0.1', 80)",
    "tiocsti": "fcntl.ioctl(0, 0x5412, b'x')",
    # the kernel reads 32 bits of a request, so that is what must be compared
    "tiocsti64": "call('ioctl', 0, 0x5412 | 1 << 32, 0)",
}


def tries(names: str) -> str:
    lines = [
        "import ctypes, errno, fcntl, os, socket, subprocess, sys, threading",
        "def call(name, *given):",
        "    libc = ctypes.CDLL(None, use_errno=True)",
        '    number = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name(name.encode())',
        "    if libc.syscall(number, *map(ctypes.c_long, given)) < 0:",
        "        raise OSError(ctypes.get_errno(), name)",
    ]
    for name in names.split():
        lines += [
            f"try: {TRIES[name]}; print({name!r}, 'done')",
            f"except OSError as error: print({name!r}, errno.errorcode[error.errno])",
        ]
    text = "\n".join(lines)
    return f"/usr/bin/python3 - <<'EOF'\n{text}\nEOF"


async def test_only_sockets_of_the_internet_in_the_sandbox(boxed: Bench) -> None:
    outcome = await boxed.server().run(boxed.order(tries("netlink unix vsock alg inet inet6 pair name")))
    assert dict(line.split() for line in outcome.stdout.splitlines()) == {
        **dict.fromkeys(("netlink", "unix", "vsock", "alg"), "EAFNOSUPPORT"),
        **dict.fromkeys(("inet", "inet6", "pair", "name"), "done"),
    }, outcome


async def test_reads_of_this_machine_keep_their_sockets(boxed: Bench) -> None:
    outcome = await boxed.server().run(boxed.host(tries("netlink unix inet thread process")))
    assert {line.split()[1] for line in outcome.stdout.splitlines()} == {"done"}, outcome


async def test_threads_and_processes_work(boxed: Bench) -> None:
    outcome = await boxed.server().run(boxed.order(tries("thread process")))
    assert outcome.stdout.split() == ["thread", "done", "process", "done"], outcome


async def test_nothing_is_typed_into_a_terminal(boxed: Bench) -> None:
    outcome = await boxed.server().run(boxed.order(tries("tiocsti tiocsti64")))
    assert outcome.stdout.split() == ["tiocsti", "EPERM", "tiocsti64", "EPERM"], outcome


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is a list of x86_64 alone")
async def test_calls_of_another_list_end_the_process(boxed: Bench) -> None:
    x32_getpid = 0x40000000 | 39
    text = f"/usr/bin/python3 -c 'import ctypes; ctypes.CDLL(None).syscall({x32_getpid})'"
    outcome = await boxed.server().run(boxed.order(text))
    assert outcome.exit_code == 128 + signal.SIGSYS, outcome


async def test_the_filter_is_handed_over_and_not_left_open(boxed: Bench) -> None:
    text = "grep Seccomp: /proc/self/status; ls /proc/self/fd; grep Seccomp: /proc/1/status"
    words = (await boxed.server().run(boxed.order(text))).stdout.split()
    assert words == ["Seccomp:", "2", "0", "1", "2", "3", "Seccomp:", "2"]  # 3 is the folder ls reads


async def test_an_approved_effect_on_this_machine_goes_without(boxed: Bench) -> None:
    order = boxed.host("grep Seccomp: /proc/self/status", proof=Proof.EFFECT)
    outcome = await boxed.server().run(order)
    assert outcome.stdout.split()[1] == "0"
    assert outcome.backend == "bwrap"


async def test_it_can_be_left_out(boxed: Bench) -> None:
    server = boxed.server(force=Backend.BWRAP, filtered=False)
    outcome = await server.run(boxed.order("grep Seccomp: /proc/self/status"))
    assert outcome.stdout.split()[1] == "0"
    assert outcome.backend == server.backend == "bwrap"


def missing(name: str) -> object:
    raise ModuleNotFoundError(name)


def without_library(name: str) -> object:
    raise RuntimeError("Unable to find libseccomp")


@pytest.mark.parametrize(("found", "words"), [(missing, "pip install"), (without_library, "apt install libseccomp2")])
async def test_without_libseccomp_it_says_so(
    boxed: Bench, monkeypatch: pytest.MonkeyPatch, found: Callable[[str], object], words: str
) -> None:
    monkeypatch.setattr(syscalls.importlib, "import_module", found)
    server = boxed.server(force=None)
    outcome = await server.run(boxed.order("true"))
    assert outcome.backend == server.backend == "bwrap"
    said = (await server.describe())["sandbox"]
    assert "Without a filter of system calls" in said
    assert words in said.partition("To mend: ")[2]
    with pytest.raises(SandboxUnavailable, match="filter is required") as caught:
        await boxed.server().run(boxed.order("true"))
    assert "opsagent doctor" in caught.value.fix


async def test_a_filter_the_kernel_refuses_is_done_without(boxed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "sandbox_filter", lambda: b"\0" * 8)
    monkeypatch.setattr(syscalls, "host_filter", lambda: b"\0" * 8)
    server = boxed.server(force=None)
    for order in (boxed.order("true"), boxed.host("true")):
        outcome = await server.run(order)
        assert (outcome.exit_code, outcome.backend) == (0, "bwrap")
    assert "CONFIG_SECCOMP_FILTER" in (await server.describe())["sandbox"]


def test_another_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    with pytest.raises(SandboxUnavailable, match="s390x"):
        syscalls.sandbox_filter()


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_every_name_is_known_on_some_machine_or_has_its_number(machine: str) -> None:
    import pyseccomp

    architecture = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}[machine]
    old = {"umount", "create_module", "nfsservctl", "stime", "iopl", "ioperm", "modify_ldt", "lookup_dcookie"}
    for name in f"{syscalls._BOTH} {syscalls._SANDBOX} {syscalls._UNKNOWN}".split():
        number = pyseccomp.resolve_syscall(architecture, name)
        assert number >= 0 or name in syscalls._NUMBERS or name in old, name
        if number >= 0 and name in syscalls._NUMBERS:
            assert number == syscalls._NUMBERS[name]
