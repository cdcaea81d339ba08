"""What the PowerShell executor is told at its making."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerShellConfig:
    """Durations in seconds, sizes in bytes. `state_dir` holds the start tokens on a host (empty: below the home)."""

    connect_timeout_s: float = 15.0
    output_cap_bytes: int = 256 * 1024
    full_output_cap_chars: int = 1024 * 1024
    state_dir: str = ""
