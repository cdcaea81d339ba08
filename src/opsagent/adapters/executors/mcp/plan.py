"""How a visit to an MCP server is held in: the sandbox with our interpreter, our modules, and perhaps a network.

A server that is started runs inside, too: it is a stranger's program, and sees what a command in the sandbox sees.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import httpx

from opsagent.adapters.executors.local import LocalConfig, views
from opsagent.adapters.executors.local.config import SEARCH_PATH
from opsagent.adapters.executors.local.confine import Ground, Plan, find_user, held_by
from opsagent.adapters.executors.local.interpreter import interpreter_folders, reachable_python
from opsagent.adapters.executors.local.survivors import MARK, count_tasks
from opsagent.adapters.mcp_target import mcp_target
from opsagent.errors import ConfigurationError, SandboxUnavailable
from opsagent.ports.executor import Order

_CALLER = Path(__file__).resolve().with_name("caller.py")
_OURS = _CALLER.parents[4]  # where the package `opsagent` lies


def plan_visit(order: Order, config: LocalConfig, ground: Ground, folder: Path) -> Plan:
    """Fulfils `local.executor.Planner`. SandboxUnavailable, ConfigurationError: nothing was started."""
    backend = held_by(order, config, ground, ground.no_sandbox_because)
    if not backend.boxed and order.command.credential:
        raise SandboxUnavailable(
            "It needs a credential, and other processes of its user could read it: there is no PID namespace around "
            f"it ({ground.no_sandbox_because}). Nothing was started.",
            fix="Mend bubblewrap (`opsagent doctor` says how), or let the server do without.",
        )
    user, roots = find_user(order, config), _roots()
    python = reachable_python(user, (_CALLER, *roots))
    if python is None:
        raise SandboxUnavailable(
            f"OpsAgent's own modules cannot be read by the sandbox's user {user.uid}. Nothing was started.",
            fix="Install OpsAgent where all users may read (such as /opt), not in a home folder.",
        )
    folders = [path for path in interpreter_folders() if views.can_reach(path, user)]
    argv: tuple[str, ...] = (str(python), "-I", str(_CALLER), *map(str, roots))
    if backend.boxed:
        seen = views.sandbox_view(
            folder,
            network=mcp_target(order.connection).network,
            scratch_bytes=config.limits.scratch_bytes,
            sees=(*folders, *roots, *config.sandbox_sees),
            close_userns=ground.close_userns,
        )
        frame = views.frame(ground.bwrap, user, filtered=bool(ground.sandbox_filter))
        argv = (*frame, *seen, "--chdir", str(folder), "--", *argv)
    limits = dict(config.limits.by_name())
    limits["NPROC"] += count_tasks(user.uid)
    return Plan(
        backend=backend,
        syscalls=ground.sandbox_filter if backend.boxed else b"",
        user=user,
        argv=argv,
        environment={"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "HOME": str(folder), MARK: order.token},
        cwd=folder,
        base=folder,
        limits=limits,
        disk_bytes=config.limits.disk_bytes,
        capabilities=None if backend.boxed else (),
    )


def _roots() -> tuple[Path, ...]:
    """Where our own modules, the SDK and what both need lie. ConfigurationError without the SDK."""
    sdk = importlib.util.find_spec("mcp")  # found without importing it, which takes a second
    if sdk is None or sdk.origin is None:
        raise ConfigurationError("The MCP SDK is not installed.", fix="pip install 'opsagent[mcp]'")
    sites = (_OURS, Path(sdk.origin).resolve().parents[1], Path(httpx.__file__).resolve().parents[1])
    return tuple(dict.fromkeys(sites))
