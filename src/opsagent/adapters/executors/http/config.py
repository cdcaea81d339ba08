"""What the HTTP executor is told at its making."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from opsagent.adapters.executors.local import LocalConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """Durations in seconds. `output_cap_bytes` is how much of an answer is taken.

    `local` says where effects have their start tokens, and where the program that sends them works; its
    `sandbox_root` is this executor's alone. `ca_file` (PEM) is trusted in addition to the system's certificates.
    """

    local: LocalConfig
    output_cap_bytes: int = 256 * 1024
    connect_timeout_s: float = 5.0
    ca_file: Path | None = None
