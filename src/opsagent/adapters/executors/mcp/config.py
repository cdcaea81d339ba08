"""What the MCP executor is told at its making."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from opsagent.adapters.executors.local import LocalConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class McpConfig:
    """Durations in seconds. `output_cap_bytes` is how much of an answer is taken.

    `local` says where start tokens lie and how the program that visits a server is held in. A started server sees
    `folders` besides the programs of /usr, read-only. `ca_file` (PEM) is trusted in addition to the system's
    certificates.
    """

    local: LocalConfig
    output_cap_bytes: int = 256 * 1024
    connect_timeout_s: float = 5.0
    folders: tuple[Path, ...] = ()
    ca_file: Path | None = None
