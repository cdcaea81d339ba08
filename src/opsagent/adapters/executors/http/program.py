"""How the sender is held in: its own processes and a read-only view with the network, the interpreter and our modules.

It runs as the server's own user, whom the shell commands of a root server are not, and with no capability.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx

from opsagent.adapters.executors.local import Backend, LocalConfig, views
from opsagent.adapters.executors.local.config import SEARCH_PATH
from opsagent.adapters.executors.local.confine import Ground, Plan
from opsagent.adapters.executors.local.interpreter import interpreter_folders
from opsagent.adapters.executors.local.survivors import MARK
from opsagent.errors import SandboxUnavailable
from opsagent.ports.executor import Order

_SENDER = Path(__file__).resolve().with_name("sender.py")
_OURS = _SENDER.parents[4]  # where the package `opsagent` lies


def plan_sender(order: Order, config: LocalConfig, ground: Ground, folder: Path) -> Plan:
    """Fulfils `local.executor.Planner`. SandboxUnavailable: nothing was started."""
    own = views.User(uid=os.geteuid(), gid=os.getegid(), groups=tuple(os.getgroups()), changes=False)
    lacking = ground.no_host_view_because if own.is_root else ground.no_sandbox_because
    if lacking and config.force in (Backend.BWRAP, Backend.SECCOMP):
        raise SandboxUnavailable(
            f"bubblewrap is required here and does not work: {lacking}. Nothing was sent.",
            fix="Mend it (`opsagent doctor` says how), or allow the weaker backend in the settings.",
        )
    if lacking and order.command.credential and not own.is_root:
        raise SandboxUnavailable(
            f"It needs a credential, and other commands of this user could read it ({lacking}). Nothing was sent.",
            fix="Mend bubblewrap (`opsagent doctor` says how), or run the server as root.",
        )
    # the view of this machine may work where the sandbox of another user does not: then its shorter filter is known
    syscalls = b"" if lacking else ground.sandbox_filter or ground.host_filter
    roots = _roots()
    # the server's own interpreter, whatever starts the launcher: it has what the sender needs
    argv: tuple[str, ...] = (sys.executable, "-I", str(_SENDER), *map(str, roots))
    if not lacking:
        seen = views.sandbox_view(
            folder,
            network=True,
            scratch_bytes=config.limits.scratch_bytes,
            sees=(*interpreter_folders(), *roots, *config.sandbox_sees),
            close_userns=ground.close_userns and not own.is_root,
        )
        frame = views.frame(ground.bwrap, own, filtered=bool(syscalls))
        argv = (*frame, *seen, "--chdir", str(folder), "--", *argv)
    limits = {name: value for name, value in config.limits.by_name().items() if name != "NPROC"}
    return Plan(
        backend=Backend.RLIMITS if lacking else Backend.SECCOMP if syscalls else Backend.BWRAP,
        syscalls=syscalls,
        user=own,
        argv=argv,
        environment={"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "HOME": str(folder), MARK: order.token},
        cwd=folder,
        base=folder,
        limits=limits,
        capabilities=() if lacking else None,
        ours=True,
    )


def _roots() -> tuple[Path, ...]:
    """Where our own modules and those they need lie."""
    return tuple(dict.fromkeys((_OURS, Path(httpx.__file__).resolve().parents[1])))
