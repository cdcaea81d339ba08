"""What the SSH executor is told at its making."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SshConfig:
    """Durations in seconds, sizes in bytes.

    `at_once` commands share one connection (OpenSSH's MaxSessions is 10). A connection nobody uses is closed after
    `idle_s`. One that is silent for three times `keepalive_s` is given up. `full_output_cap_bytes` of each output are
    taken from a host, `output_cap_bytes` are shown. `state_dir` holds the start tokens there, below the account's home.
    """

    connect_timeout_s: float = 10.0
    keepalive_s: float = 10.0
    idle_s: float = 60.0
    at_once: int = 8
    grace_s: float = 2.0
    output_cap_bytes: int = 256 * 1024
    full_output_cap_bytes: int = 4 * 1024**2
    state_dir: str = ".opsagent"
