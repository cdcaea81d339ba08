"""How local commands are held in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.settings.area import Area, flag, setting


class ExecutionSettings(Area):
    """The sandbox of local commands."""

    sandbox_root: Path = setting(Path("/tmp/agent-ops"), "Folder that holds one scratch folder per run.")  # noqa: S108 - the path promised to users (EX-1); each run's folder in it is made 0700
    sandbox_backend: Literal["auto", "bwrap+seccomp", "bwrap", "rlimits"] = setting(
        "auto",
        "How commands are held in; auto takes the strongest that works here and says which. A name with bwrap is the "
        "least that will do.",
    )
    command_uid: int | None = setting(
        None,
        "User id of sandbox commands where the server is root; empty is nobody (65534). Other servers use their own.",
        ge=1,
    )
    output_cap_bytes: int = setting(
        256 * 1024, "Most output kept of one command, head and tail; the rest is an artifact.", ge=1024, le=64 * 1024**2
    )
    host_reach: bool = flag(
        "Allow connections that reach this machine itself (diagnosis and repair), not only scratch space.", on=False
    )
    host_reach_tenants: tuple[str, ...] = setting(
        (DEFAULT_TENANT,),
        "Tenants that may have such connections, `*` for all. What their people approve may do on this machine all "
        "that the server may, OpsAgent's own data of every tenant included.",
    )
    mcp_folders: tuple[Path, ...] = setting(
        (), "Folders that MCP servers started by a command may see, read-only, besides the programs of /usr."
    )
