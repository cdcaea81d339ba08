"""What measuring a condition showed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What measuring the condition showed: `healthy` is None when it could not be measured. Window in seconds."""

    healthy: bool | None
    text: str
    samples: int = 0
    window_s: float = 0.0
