"""Every setting once, typed, a file per area; the only part that reads the environment."""

from __future__ import annotations

from opsagent.settings.settings import Settings

__all__ = ["Settings"]
