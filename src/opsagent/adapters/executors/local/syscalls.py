"""The system calls a command is refused, as a seccomp filter in the kernel's form, for `bwrap --seccomp`.

A list of what is refused, not of what is allowed: a command is any program of this machine, and one that is ended for a
harmless call nobody thought of would be the worse evil. What is new in the kernel after this list is therefore allowed.

The sandbox list follows what bubblewrap's own users refuse (Flatpak, `flatpak-run.c`) and Docker's default profile.
The host list is shorter: a proven read of this machine needs netlink (`ss`), the bus (`systemctl`) and packets.
"""

from __future__ import annotations

import errno
import importlib
import os
import platform
import socket
from typing import Any

from opsagent.errors import SandboxUnavailable

MACHINES = ("x86_64", "aarch64")  # elsewhere clone(2) takes its arguments in another order

# What could be attacked or turned around whoever one is; no read of this machine needs it.
_BOTH = """
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick
    pivot_root chroot unshare setns
    bpf perf_event_open userfaultfd lookup_dcookie
    keyctl add_key request_key
    open_by_handle_at kexec_load kexec_file_load
    init_module finit_module delete_module create_module
    swapon swapoff reboot acct nfsservctl vhangup iopl ioperm modify_ldt
    settimeofday stime clock_settime sethostname setdomainname
"""
_SANDBOX = "quotactl quotactl_fd syslog fanotify_init move_pages migrate_pages"
# Programs try these first and fall back where the kernel does not know them. clone3 hides its flags behind a pointer.
_UNKNOWN = "clone3 io_uring_setup io_uring_enter io_uring_register"
# Since Linux 5.1 every machine counts alike: for a libseccomp that is older than the call.
_NUMBERS = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "open_tree_attr": 467,
}
# linux/sched.h: CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET. (NEWTIME exists for unshare and clone3 alone.)
_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
_TERMINAL = (0x5412, 0x541C)  # TIOCSTI types into the terminal (CVE-2017-5226), TIOCLINUX pastes into a console
_FAMILIES = range(64)  # 46 are known
_ALLOWED_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_INT = 0xFFFFFFFF  # an `int` is compared in 32 bits, as the kernel reads it: the rest of the register is the caller's


def sandbox_filter() -> bytes:
    """For SANDBOX commands: no namespaces, mounts, tracing, keys, and sockets of the internet alone.

    AF_UNIX is refused since the abstract sockets of this machine are within reach when the network is; a pair of
    connected ones (socketpair) stays. fallocate is refused so that a disk fills no faster than it is written.
    Raises SandboxUnavailable: why there can be no filter here.
    """
    made = _Filter()
    made.refuse(f"{_BOTH} {_SANDBOX}", errno.EPERM)
    made.refuse("fallocate", errno.EOPNOTSUPP)
    for family in _FAMILIES:
        if family not in _ALLOWED_FAMILIES:
            made.refuse_where("socket", 0, family, errno.EAFNOSUPPORT)
    return made.exported()


def host_filter() -> bytes:
    """For proven reads of this machine: what no read needs. Raises SandboxUnavailable as above."""
    made = _Filter()
    made.refuse(_BOTH, errno.EPERM)
    return made.exported()


class _Filter:
    """A filter that allows what it does not refuse. 32-bit and x32 calls end the process: they are another list."""

    def __init__(self) -> None:
        """Start one with what both views refuse in parts. Raises SandboxUnavailable."""
        if platform.machine() not in MACHINES:
            raise SandboxUnavailable(
                f"the seccomp filter is not written for {platform.machine()}", fix=f"Use {' or '.join(MACHINES)}."
            )
        try:
            pyseccomp: Any = importlib.import_module("pyseccomp")  # it has no types
        except ImportError as error:
            raise SandboxUnavailable("pyseccomp is not installed", fix="pip install pyseccomp") from error
        except RuntimeError as error:
            raise SandboxUnavailable(
                "libseccomp is not installed", fix="apt install libseccomp2, dnf install libseccomp"
            ) from error
        self._lib = pyseccomp
        self._filter = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
        self._filter.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
        self.refuse(_UNKNOWN, errno.ENOSYS)
        for flag in _NAMESPACES:
            self.refuse_where("clone", 0, flag, errno.EPERM, mask=flag)
        for request in _TERMINAL:
            self.refuse_where("ioctl", 1, request, errno.EPERM)

    def refuse(self, names: str, error: int) -> None:
        """Answer these calls with the error; one this machine never had is passed over."""
        for name in names.split():
            number = self._lib.resolve_syscall(self._lib.Arch.NATIVE, name)
            number = _NUMBERS.get(name, number) if number < 0 else number
            if number >= 0:
                self._filter.add_rule(self._lib.ERRNO(error), number)

    def refuse_where(self, name: str, argument: int, value: int, error: int, *, mask: int = _INT) -> None:
        """Answer the call with the error where the masked argument has the value."""
        condition = self._lib.Arg(argument, self._lib.MASKED_EQ, mask, value)
        self._filter.add_rule(self._lib.ERRNO(error), name, condition)

    def exported(self) -> bytes:
        """The filter as the kernel takes it."""
        with os.fdopen(os.memfd_create("seccomp"), "w+b") as file:
            self._filter.export_bpf(file)
            file.seek(0)
            return file.read()
