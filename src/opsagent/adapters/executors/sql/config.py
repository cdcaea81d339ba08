"""What the SQL executor is told at its making."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlConfig:
    """Durations in seconds. `max_rows` and `output_cap_bytes` bound what one query returns.

    `marker_table` holds the start tokens, in the database an effect changes. `ca_file` (PEM) is trusted for TLS in
    addition to the system's. `slack_s` is how much longer than the server we wait ourselves, `close_timeout_s` how long
    for the end of a connection.
    """

    connect_timeout_s: float = 10.0
    lock_timeout_s: float = 5.0
    max_rows: int = 1000
    output_cap_bytes: int = 256 * 1024
    marker_table: str = "opsagent_tokens"
    ca_file: Path | None = None
    slack_s: float = 3.0
    close_timeout_s: float = 5.0
