"""Makes a process unreadable for others of its user: for the server, at its start."""

from __future__ import annotations

import resource

from opsagent.adapters.executors.local.launcher import PR_SET_DUMPABLE, prctl


def harden_process() -> bool:
    """Hide this process's environment, memory and open files from its own user, and write no core; whether it worked.

    Root with CAP_SYS_PTRACE still reads them (proc(5), ptrace(2) "access mode checking"). Programs this process starts
    are not affected: the mark is reset when they are executed.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return prctl(PR_SET_DUMPABLE, 0) == 0
